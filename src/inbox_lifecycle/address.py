"""Email addresses in the one form by which they are compared: domain in lower-case IDNA form, local part as given."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import idna

from inbox_lifecycle.canonical import check_text
from inbox_lifecycle.errors import MalformedAddress

# RFC 5321 section 4.5.3.1.
_LONGEST_LOCAL_PART = 64
_LONGEST_ADDRESS = 254
# RFC 5322 dot-atom, with RFC 6531's letters beyond ASCII; quoted local parts are refused: no provider takes them.
_DOT_ATOM = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*")


@dataclass(frozen=True, slots=True)
class Address:
    """A normalised address."""

    text: str = field(repr=False)
    #: Lower-case ASCII.
    domain: str = field(repr=False)


def read_address(text: str) -> Address:
    """The address in its normal form.

    Raises:
        MalformedAddress: it is not an address.
    """
    check_text("the address", text)
    local, at, domain = text.strip().rpartition("@")
    if not at or not local:
        raise MalformedAddress("it needs a local part, an @ and a domain")
    if len(local.encode()) > _LONGEST_LOCAL_PART or not _DOT_ATOM.fullmatch(local):
        raise MalformedAddress("its local part is not a dot-atom of at most 64 bytes")
    domain = read_domain(domain)
    address = f"{local}@{domain}"
    if len(address.encode()) > _LONGEST_ADDRESS:
        raise MalformedAddress("it is longer than 254 bytes")
    return Address(address, domain)


def read_domain(domain: str) -> str:
    """A domain in the form in which it is kept: lower-case ASCII.

    Raises:
        MalformedAddress: it is not a host name.
    """
    try:
        ascii_form = idna.encode(domain.lower(), uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise MalformedAddress("its domain is not a host name") from None
    if "." not in ascii_form.strip("."):
        raise MalformedAddress("its domain has no dot")
    return ascii_form.rstrip(".")
