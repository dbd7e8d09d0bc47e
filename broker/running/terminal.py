"""Handing the terminal to the command, and taking it back.

A command that has both its input and its output at the terminal gets it at once: editors, prompts
and Ctrl-C work as without a run. One with a pipe on either side is a part of a pipeline, whose
other parts may be using the terminal: it gets it when it asks (SIGTTIN, SIGTTOU).
"""

import contextlib
import os
import signal
from typing import Final

_STANDARD: Final = (0, 1)


class Terminal:
    """The controlling terminal, if there is one."""

    def __init__(self) -> None:
        self._handle = next((each for each in (0, 1, 2) if os.isatty(each)), -1)
        self.is_alone = all(os.isatty(each) for each in _STANDARD)
        """Whether nobody else of our pipeline can be using it."""

    def is_there(self) -> bool:
        """Tell whether there is one: then a shell may be looking after us."""
        return self._foreground() >= 0

    def is_ours(self) -> bool:
        """Tell whether we are in the foreground."""
        return self._foreground() == os.getpgrp()

    def give(self, group: int) -> bool:
        """Put another group into the foreground, if we are there; tell whether it is there now."""
        if not self.is_ours():
            return False
        return self._set(group)

    def take_back(self, group: int) -> None:
        """Put us into the foreground in place of that group, if it is there."""
        if self._foreground() == group:
            self._set(os.getpgrp())

    def _foreground(self) -> int:
        if self._handle < 0:
            return -1
        try:
            return os.tcgetpgrp(self._handle)
        except OSError:  # it is not our controlling terminal, or has hung up
            return -1

    def _set(self, group: int) -> bool:
        # From the background the kernel stops whoever does this, unless the signal is ignored.
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            with contextlib.suppress(OSError):
                os.tcsetpgrp(self._handle, group)
                return True
            return False
        finally:
            signal.signal(signal.SIGTTOU, before)
