"""A request to a sandbox, understood: which operation of the provider it asks for, and of which mailboxes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from inbox_lifecycle.testing.scripts import Operation

#: Operations whose path names no mailbox.
NAMELESS: Final = frozenset({Operation.ACCOUNTS, Operation.JOBS, Operation.JOB, Operation.ACTIVATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, understood."""

    method: str
    #: The path with its parameter unnamed: `/api/v2/accounts/{email}`.
    path: str
    operation: Operation
    #: The path's parameter, empty where it has none.
    subject: str
    query: Mapping[str, str]
    #: The addresses it names.
    emails: tuple[str, ...]
    body: bytes = b""


class Routes:
    """What a provider can be asked, by method and path; a path has one parameter at most, in braces."""

    def __init__(self, routes: Mapping[tuple[str, str], Operation]) -> None:
        self._routes = [
            (method, path, re.compile(re.sub(r"\{\w+\}", "([^/]+)", path)), operation)
            for (method, path), operation in routes.items()
        ]

    def understand(self, method: str, target: str, body: bytes) -> Call | None:
        """The call that a request makes, its mailbox being the path's parameter; None where there is no such route."""
        url = urlsplit(target)
        for route, path, pattern, operation in self._routes:
            found = pattern.fullmatch(url.path)
            if route != method or found is None:
                continue
            subject = unquote(found[1]) if found.lastindex else ""
            return Call(
                method=method,
                path=path,
                operation=operation,
                subject=subject,
                query={name: values[-1] for name, values in parse_qs(url.query).items()},
                emails=(subject,) if subject and operation not in NAMELESS else (),
                body=body,
            )
        return None
