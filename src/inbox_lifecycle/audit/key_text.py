"""Keys and signatures as text: what names and base64 may look like, and how a key is read from text or from a file."""

from __future__ import annotations

import os
import re
import stat
from base64 import b64decode, b64encode
from pathlib import Path
from types import ModuleType

from inbox_lifecycle.errors import InvalidInput

#: Bytes of an Ed25519 key, private or public.
KEY_LENGTH = 32

_FILE_BOUND = 4096
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NOT_IN_NAMES = re.compile(r"[+\s]")


def is_plain(text: object) -> bool:
    """Whether it is text that has a UTF-8 form, and no control characters but newlines."""
    if not isinstance(text, str) or _CONTROL.search(text):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_key_name(name: object) -> bool:
    """Whether keys may have this name: not empty, and without spaces, plus, control characters or lone surrogates."""
    return isinstance(name, str) and bool(name) and is_plain(name) and not _NOT_IN_NAMES.search(name)


def strict_base64(text: str) -> bytes | None:
    """The bytes of a base64 text (RFC 4648, section 4) in its one canonical form; None if it is not in that form."""
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        return None
    return decoded if b64encode(decoded).decode() == text else None


def is_raw_key(key: object) -> bool:
    """Whether it has the form of an Ed25519 key in RFC 8032's bytes, private or public."""
    return isinstance(key, bytes) and len(key) == KEY_LENGTH


def read_key_text(text: object, prefix: str, kind: bytes) -> tuple[str, str, bytes] | None:
    """Name, id in hexadecimal, and raw key of a key in text form; None if it is not one of this kind."""
    stripped = text.strip() if isinstance(text, str) else ""
    # The base64 may hold plus signs of its own.
    parts = stripped.removeprefix(prefix).split("+", 2)
    if not stripped.startswith(prefix) or len(parts) != 3:  # noqa: PLR2004 - the three parts of the form
        return None
    name, key_id, encoded = parts
    decoded = strict_base64(encoded)
    if decoded is None or decoded[:1] != kind or not is_raw_key(decoded[1:]) or not is_key_name(name):
        return None
    return name, key_id, decoded[1:]


def read_key_file(path: str | os.PathLike[str]) -> str:
    """What stands in a key's file.

    Raises:
        InvalidInput: it cannot be read, or others than its owner could read it too.
    """
    # Errors do not repeat the path: a key passed by mistake where a path belongs would show up in them.
    try:
        with Path(path).open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_FILE_BOUND)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "it cannot be opened"
        raise InvalidInput(f"the signing key's file cannot be read ({why}): pass the path of one") from None
    except ValueError:
        raise InvalidInput("the signing key's file cannot be read: pass the path of one") from None
    if os.name == "posix" and mode & 0o077:
        raise InvalidInput("others can read the signing key's file: run `chmod 600` on it")
    # Whatever is not text is not a key either, and is refused as such.
    return content.decode(errors="replace")


def ed25519_module() -> ModuleType:
    """What signs and verifies; it comes with the extra `audit`.

    Raises:
        InvalidInput: the extra is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise InvalidInput("signatures need the extra `audit`: install inbox-lifecycle[audit]") from None
    return ed25519
