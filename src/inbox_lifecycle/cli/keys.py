"""Public keys as they are given on a command line: as text, or as the file that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inbox_lifecycle.cli.options import WrongUsage

if TYPE_CHECKING:
    from inbox_lifecycle.audit.notes import Verifier


def read_public_key(given: str) -> Verifier:
    """The key, from its text (`name+id+base64`) or from a file with that text.

    Raises:
        WrongUsage: it is neither.
        InvalidInput: it is a malformed key.
    """
    from inbox_lifecycle.audit.notes import Verifier

    if "+" in given and not Path(given).exists():
        return Verifier.from_text(given)
    try:
        return Verifier.from_text(Path(given).read_text().strip())
    except (OSError, UnicodeDecodeError):
        raise WrongUsage("--key is the log's public key, name+id+base64, or the file that holds it") from None
