"""Which keys of a vault lie in its daemon's memory.

    keys_left.py note DATA_DIR PASSPHRASE_FILE KEYS [BACKUP]    writes down the keys that the vault has now, and a backup's
    keys_left.py find PID KEYS                                  exit 1 if there are any, and tells which and how many

Keys: the root key, what is derived from it, and the states of HMAC-SHA256 that are made of those, which do as well. Their
own derivations here are docs/formats.md's (`read_formats`), and FIPS 180-4's for the states.
"""

import json
import struct
import sys
from collections import Counter
from pathlib import Path

from memory import pieces
from read_formats import ring_of

PURPOSES = (b"index", b"fingerprint", b"audit chain", b"census", b"epoch")


def primes(count):
    found, each = [], 2
    while len(found) < count:
        if all(each % prime for prime in found):
            found.append(each)
        each += 1
    return found


def fraction(number, root):
    """The first 32 bits of the fraction of a number's square or cube root."""
    scaled, low, high = number << (32 * root), 0, number << 32
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**root <= scaled else (low, middle)
    return low & 0xFFFFFFFF


START = [fraction(prime, 2) for prime in primes(8)]
ROUNDS = [fraction(prime, 3) for prime in primes(64)]


def turned(word, by):
    return (word >> by | word << (32 - by)) & 0xFFFFFFFF


def state_after(block):
    """SHA-256's state after one block, as it lies in memory."""
    words = list(struct.unpack(">16I", block))
    for at in range(16, 64):
        before, two = words[at - 15], words[at - 2]
        small = turned(before, 7) ^ turned(before, 18) ^ before >> 3
        large = turned(two, 17) ^ turned(two, 19) ^ two >> 10
        words.append((words[at - 16] + small + words[at - 7] + large) & 0xFFFFFFFF)
    a, b, c, d, e, f, g, h = START
    for word, constant in zip(words, ROUNDS):
        one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (e & f ^ ~e & g) + constant + word
        two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (one + two) & 0xFFFFFFFF, a, b, c, (d + one) & 0xFFFFFFFF, e, f, g
    return struct.pack("<8I", *((x + y) & 0xFFFFFFFF for x, y in zip(START, (a, b, c, d, e, f, g, h))))


def states(name, key):
    for what, pad in (("inner", 0x36), ("outer", 0x5C)):
        yield f"{name}, {what} state", state_after(bytes(byte ^ pad for byte in key + bytes(32)))


def keys_of(ring, backup):
    yield "root", ring.root
    derived = {what.decode(): ring.derive(ring.vault, what) for what in PURPOSES}
    if backup:
        salt = backup[13:45]
        derived |= {what.decode(): ring.derive(salt, what) for what in (b"backup", b"backup digest")}
    for name, key in derived.items():
        yield name, key
        yield from states(name, key)


def main():
    match sys.argv[1:]:
        case ["note", data_dir, passphrase_file, keys, *backup]:
            ring, _ = ring_of(data_dir, passphrase_file)
            noted = dict(keys_of(ring, *(Path(each).read_bytes() for each in backup or ["/dev/null"])))
            Path(keys).write_text(json.dumps({name: key.hex() for name, key in noted.items()}))
        case ["find", pid, keys]:
            noted = {name: bytes.fromhex(key) for name, key in json.loads(Path(keys).read_text()).items()}
            found = Counter()
            for _, _, held in pieces(pid):
                found.update({name: held.count(key) for name, key in noted.items() if key in held})
            print(dict(found))
            sys.exit(1 if found else 0)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
