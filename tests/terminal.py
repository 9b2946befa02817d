"""Run a program on a terminal, as a person does, and tell what that person sees."""

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time

import shell

# The line is cleared from the cursor to its end.
CLEAR = "\x1b[K"


class Terminal:
    """A program whose three streams are a terminal of its own.

    Args:
        command: the program and its arguments.
        columns: the width of the terminal.

    Attributes:
        shown: all that the program has sent so far.
    """

    def __init__(self, *command, columns=100, cwd=shell.REPOSITORY):
        self._descriptor, there = os.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        environment = shell.environment()
        for name in ("COLUMNS", "LINES", "TQDM_DISABLE"):
            environment.pop(name, None)  # they would hide the size of the terminal
        self._process = subprocess.Popen(
            list(map(str, command)),
            cwd=cwd,
            env=environment,
            stdin=there,
            stdout=there,
            stderr=there,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(there)
        self.shown = ""

    def read(self):
        """Wait for more; False when the program has closed the terminal."""
        try:
            chunk = os.read(self._descriptor, 65_536)
        except OSError:
            chunk = b""
        self.shown += chunk.decode(errors="replace")
        return bool(chunk)

    def read_until(self, pattern):
        """Wait for something that is shown."""
        deadline = time.monotonic() + 120
        while not re.search(pattern, self.shown):
            assert time.monotonic() < deadline, self.shown
            assert self.read(), f"no {pattern!r} in {self.shown}"

    def type(self, text):
        """Type something; "\\x03" is Ctrl-C."""
        os.write(self._descriptor, text.encode())

    def end(self, status=0):
        """Wait for the end of the program, check its status, and return all that was shown."""
        while self.read():
            pass
        os.close(self._descriptor)
        assert self._process.wait(60) == status, self.shown
        return self.shown


def _take_terminal():
    """In the new process: let the terminal's Ctrl-C reach it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def run(*arguments, status=0, **options):
    """Run `python ARGUMENTS …` on a terminal to its end; return all that was shown."""
    return Terminal(sys.executable, *arguments, **options).end(status)


def screen(shown):
    """The lines that are left on the screen, without empty ones at the end.

    Only the codes that the scripts may use have a meaning here; another one is an error.
    """
    lines, column = [""], 0
    for token in re.findall(r"\x1b\[K|\x1b\[[\d;?]*[a-zA-Z]|.", shown, re.DOTALL):
        if token == "\r":
            column = 0
        elif token == "\n":
            lines.append("")
            column = 0
        elif token == CLEAR:
            lines[-1] = lines[-1][:column]
        else:
            assert token.isprintable(), repr(token)
            lines[-1] = lines[-1][:column].ljust(column) + token + lines[-1][column + 1 :]
            column += 1
    lines = [line.rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines
