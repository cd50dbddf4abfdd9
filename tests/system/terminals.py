"""Commands on a terminal of their own."""

import fcntl
import os
import signal
import termios


def run(command, theirs, patience):
    """Begins it on this end of a terminal, which is its controlling one; gives its pid.

    What neither ends nor asks is given up after `patience` seconds, and so fails; closing its terminal ends the command.
    """
    signal.alarm(patience)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
        for number in range(3):
            os.dup2(theirs, number)
        os.closerange(3, 64)
        os.execvp(command[0], command)
    return pid
