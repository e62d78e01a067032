"""A shell of the tests with a log's key in it."""

from __future__ import annotations

from tests.support.commands import Terminal
from tests.support.noting import LOG

#: How a command is told where the private key is.
KEY = ("--key", "log.key")
#: Where it is looked for otherwise.
VARIABLE = "INBOX_LIFECYCLE_SIGNING_KEY"


def with_key(terminal: Terminal) -> Terminal:
    """The shell, with `log.key` and `log.pub` in its folder."""
    key = terminal.folder / "log.key"
    key.touch(mode=0o600)
    key.write_text(f"{LOG.signer_text}\n")
    (terminal.folder / "log.pub").write_text(f"{LOG.verifier_text}\n")
    return terminal
