"""interrupted.py LINES END COMMAND...: runs the command on a terminal of its own, types the lines (- for none), one at each question, and at
the question after them does END: a key (^C, ^Z, ^\\), a signal (TERM, HUP, INT), or `gone`, the terminal's end. TEXT=END does it
where TEXT is said. After ^Z the command is made to go on and asked for its end by ^C. Prints what the terminal showed, then, in a line each:

    asked: echo off|on         when it was asked
    stopped: echo off|on       after ^Z
    ended: NAME|exit CODE, echo off|on
"""

import os
import select
import signal
import sys
import termios

import terminals

text, _, end = sys.argv[2].rpartition("=")
lines, command = sys.argv[1].split("\n") if sys.argv[1] != "-" else [], sys.argv[3:]
terminal, theirs = os.openpty()


def echo():
    modes = termios.tcgetattr(theirs)[3]
    plain = termios.ECHO | termios.ICANON | termios.ISIG
    return "echo on" if modes & plain == plain else "echo off"


pid = terminals.run(command, theirs, 90)


shown = b""


def until_question(text=b""):
    global shown
    seen = b""
    while text not in seen if text else not seen.endswith(b": "):
        if not select.select([terminal], [], [], 60)[0]:
            os.kill(pid, 9)
            sys.exit(f"interrupted.py: no question after {shown!r}")
        more = os.read(terminal, 4096)
        shown, seen = shown + more, seen + more


KEYS = {"^C": b"\x03", "^Z": b"\x1a", "^\\": b"\x1c"}
told = []
for line in lines:
    until_question()
    os.write(terminal, line.encode() + b"\n")
until_question(text.encode())
told.append(f"asked: {echo()}")
if end == "gone":
    os.close(theirs)
    os.close(terminal)
elif end in KEYS:
    os.write(terminal, b"half" + KEYS[end])
else:
    os.kill(pid, getattr(signal, "SIG" + end))
if end == "^Z":
    status = os.waitpid(pid, os.WUNTRACED)[1]
    if os.WIFSTOPPED(status):
        told.append(f"stopped: {echo()}")
        os.kill(pid, signal.SIGCONT)
        until_question()
        told.append(f"asked: {echo()}")
        os.write(terminal, KEYS["^C"])
status = os.waitpid(pid, 0)[1]
name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {os.waitstatus_to_exitcode(status)}"
if end == "gone":
    told.append(f"ended: {name}")
else:
    told.append(f"ended: {name}, {echo()}")
    while select.select([terminal], [], [], 0)[0]:
        shown += os.read(terminal, 4096)
sys.stdout.buffer.write(shown)
print("\n" + "\n".join(told))
