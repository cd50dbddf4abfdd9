"""pasted.py TIMES TEXT COMMAND...: runs the command on a terminal of its own, and at its first question pastes TEXT, so often, at
once. With 0 as TIMES it is typed before the command begins, and at the question nothing but Ctrl-D. Prints what the terminal
showed, then what the shell that comes after the command would read, a line each: `left: TEXT`. Exits as the command does.
"""

import os
import select
import sys
import threading

import terminals

times, command = int(sys.argv[1]), sys.argv[3:]
text = times * sys.argv[2].encode() or b"\x04"
terminal, theirs = os.openpty()
if times == 0:
    os.write(terminal, sys.argv[2].encode())
pid = terminals.run(command, theirs, 30)


def paste():
    rest = text
    while rest:
        rest = rest[os.write(terminal, rest) :]


shown, pasting, ended = b"", None, None
while ended is None or select.select([terminal], [], [], 0)[0]:
    if select.select([terminal], [], [], 0.05)[0]:
        shown += os.read(terminal, 4096)
    if pasting is None and shown.endswith(b": "):
        pasting = threading.Thread(target=paste)
        pasting.start()
    if ended is None:
        gone, status = os.waitpid(pid, os.WNOHANG)
        ended = status if gone else None
os.set_blocking(theirs, False)
left = b""
while pasting is not None:
    try:
        left += os.read(theirs, 65536)
    except BlockingIOError:
        # What is left of a long paste comes as there is room for it.
        if not pasting.is_alive():
            break
        pasting.join(0.05)
sys.stdout.buffer.write(shown)
for line in left.splitlines():
    sys.stdout.buffer.write(b"\nleft: " + line)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(ended))
