"""Keys of logs on a command line: public ones as text or as a file, private ones as a file or in the environment.

A private key is never an argument: command lines are seen by everyone on the machine, and kept in histories.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from inbox_lifecycle.cli.options import WrongUsage

if TYPE_CHECKING:
    from inbox_lifecycle.audit.notes import Signer, Verifier


def read_public_key(given: str) -> Verifier:
    """The key, from its text (`name+id+base64`) or from a file with that text.

    Raises:
        WrongUsage: it is neither.
        InvalidInput: it is a malformed key.
    """
    from inbox_lifecycle.audit.notes import Verifier
    from inbox_lifecycle.errors import InvalidInput

    with suppress(InvalidInput):
        return Verifier.from_text(given)
    try:
        return Verifier.from_text(Path(given).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        raise WrongUsage("--key is the log's public key, name+id+base64, or the file that holds it") from None


def read_signer(file: Path | None) -> Signer:
    """The private key in a file, or in the environment where none is named.

    Raises:
        InvalidInput: there is no key, it is malformed, others can read the file, or the extra `audit` is missing.
    """
    from inbox_lifecycle.audit.notes import Signer

    return Signer.from_environment() if file is None else Signer.from_file(file)


def write_key(file: Path, private_key_text: str) -> None:
    """Write a private key into a new file that only its user may read.

    Raises:
        WrongUsage: there is such a file already, which may hold a key in use, or it cannot be written.
    """
    try:
        # Made for its user alone from the first moment on, and only if nothing is there, not even a dangling link.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WrongUsage(f"{file} is there already, and a key is never overwritten: name another file") from None
    except OSError as failure:
        raise WrongUsage(f"{file} cannot be written: {failure.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(f"{private_key_text}\n")
        opened.flush()
        os.fsync(opened.fileno())
