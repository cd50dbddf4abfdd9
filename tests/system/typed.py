"""typed.py LINES COMMAND...: runs the command on a terminal of its own and types the lines, one at each question. Prints
what the terminal shows, and exits as the command does."""

import os
import pty
import select
import sys

lines = sys.argv[1].split("\n")
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = seen = b""
while True:
    if not select.select([terminal], [], [], 60)[0]:
        os.kill(pid, 9)
        sys.exit("typed.py: nothing is said, and nothing ends")
    try:
        more = os.read(terminal, 4096)
    except OSError:  # EIO: the other end is closed.
        break
    shown, seen = shown + more, seen + more
    # A question is what ends without a line end.
    if seen.rstrip(b"\n") == seen and seen.endswith(b": ") and lines:
        os.write(terminal, lines.pop(0).encode() + b"\n")
        seen = b""
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
