"""The standard streams, where whoever started the command has closed them or filled what is behind them."""

from __future__ import annotations

import errno
import os
import sys
from typing import IO, Final, TypeGuard

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))

#: The place is full, gone, or was never one to write to.
_UNWRITTEN: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def open_missing() -> None:
    """Open on nothing the streams that came closed, so that no database or socket gets their numbers."""
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            # The lowest number that is free; any lower one is open by now.
            opened = os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays


def is_about_output(error: Exception) -> TypeGuard[OSError]:
    """Whether an error that nothing has caught is that of writing standard output: files and sockets have their own."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITTEN


def discard(stream: IO[str]) -> None:
    """Let what is still to be written go nowhere: the interpreter flushes once more as it ends, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
