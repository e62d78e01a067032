"""Options in groups, each declared once: a command takes a group as one parameter, and the user sees its options.

Nothing here imports the library's engines: `--help` must be quick.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

DEFAULT_DATABASE = "sqlite:///inboxes.db"

_WHERE = "Where"
_WHO = "Who, and why"
_OUTPUT = "Output"
_API = "INBOX_LIFECYCLE_API"

#: What only a database can be told; over the HTTP API the token says who calls, and the server knows the rest.
_DATABASE_ONLY: Final = (
    *("schema", "owner", "as_operator", "actor", "reason"),
    *("provider", "provider_url", "call_budget", "key", "no_openings", "as_of", "sender"),
)
_SPAN = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"


class ProviderName(StrEnum):
    """The providers that there is an adapter of."""

    INSTANTLY = "instantly"
    SMARTLEAD = "smartlead"


class WrongUsage(Exception):
    """The options do not fit together, or a setting is missing; the text says the cure."""

    #: The command, as it is typed.
    command = ""


class Unfinished(Exception):
    """The command did what it could, and some of it did not come out; the text says what, and the cure."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        #: The exit code.
        self.code = code


class OutputClosed(Exception):
    """Nobody reads the output any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which database."""

    database_url: Annotated[
        str,
        typer.Option(
            envvar="DATABASE_URL", metavar="URL", help="PostgreSQL or SQLite database.", rich_help_panel=_WHERE
        ),
    ] = DEFAULT_DATABASE
    schema: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="PostgreSQL schema of the tables: inbox_lifecycle unless said.", rich_help_panel=_WHERE
        ),
    ] = None
    api: Annotated[str | None, typer.Option(envvar=_API, metavar="URL", hidden=True)] = None

    @classmethod
    def settle(cls, values: dict[str, Any], typed: Collection[str]) -> None:
        """Decide between a database and the HTTP API; a database that was typed beats an API that was not.

        Raises:
            WrongUsage: both are wanted, or what only the other can be told.
        """
        if values["api"] is None:
            return
        if "database_url" not in typed:
            cls._check_api(typed)
        elif "api" in typed:
            raise WrongUsage("--api and --database-url are two places: name one")
        else:
            values["api"] = None

    @classmethod
    def _check_api(cls, _typed: Collection[str]) -> None:
        raise WrongUsage(
            "the HTTP API does not serve this command, which works on a database: name one by --database-url, or leave"
            f" out --api and {_API}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach(Place):
    """Which database, or which HTTP API that stands before one."""

    api: Annotated[
        str | None,
        typer.Option(
            envvar=_API,
            metavar="URL",
            help="Go through this HTTP API, such as https://host/api, in place of a database.",
            rich_help_panel=_WHERE,
        ),
    ] = None
    token: Annotated[
        str | None,
        typer.Option(
            envvar="INBOX_LIFECYCLE_TOKEN",
            metavar="TOKEN",
            help="With --api: the bearer token. A command line is seen by everyone, so better set the variable.",
            rich_help_panel=_WHERE,
        ),
    ] = None
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="With --api: send the token over plain http to another host too, where it can be read on the way.",
            rich_help_panel=_WHERE,
        ),
    ] = False

    @classmethod
    def _check_api(cls, typed: Collection[str]) -> None:
        found = [f"--{name.replace('_', '-')}" for name in _DATABASE_ONLY if name in typed]
        if found:
            raise WrongUsage(f"with --api (or {_API}) leave out {', '.join(found)}: that is for a database")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Which providers; their keys come from the environment alone, since a command line is seen by everyone."""

    provider: Annotated[
        ProviderName,
        typer.Option(
            envvar="INBOX_LIFECYCLE_PROVIDER",
            help="The provider of new inboxes, and of --provider-url; each inbox that is there is served by its own."
            " Keys are taken from INSTANTLY_API_KEY and SMARTLEAD_API_KEY.",
            rich_help_panel=_WHERE,
        ),
    ] = ProviderName.INSTANTLY
    provider_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where that provider is, if not where INSTANTLY_BASE_URL or SMARTLEAD_BASE_URL says.",
            rich_help_panel=_WHERE,
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which inbox, if one: `ID` and `--id ID` are the same."""

    inbox: Annotated[str | None, typer.Argument(metavar="ID", help="The inbox; --id ID is the same.")] = None
    id: Annotated[str | None, typer.Option("--id", metavar="ID", help="The inbox.")] = None

    def __post_init__(self) -> None:
        if self.inbox is not None and self.id is not None:
            raise WrongUsage("give the inbox's id once: as ID or as --id ID")

    @property
    def wanted(self) -> str | None:
        """The id, if one was given."""
        return self.id if self.inbox is None else self.inbox


@dataclass(frozen=True, slots=True, kw_only=True)
class One(Which):
    """Which inbox."""

    def __post_init__(self) -> None:
        Which.__post_init__(self)
        if self.wanted is None:
            raise WrongUsage("say which inbox: --id ID")

    @property
    def needed(self) -> str:
        """The id."""
        return self.wanted or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What is put on record beside an event."""

    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; kept with the event.", rich_help_panel=_WHO)
    ] = None
    correlation_id: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The request or ticket this belongs to.", rich_help_panel=_WHO),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """In whose name: an owner sees its own inboxes, an operator sees all."""

    owner: Annotated[
        str | None,
        typer.Option(metavar="OWNER", help="Act as this owner, on its own inboxes only.", rich_help_panel=_WHO),
    ] = None
    as_operator: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Act as the operator NAME, across owners.", rich_help_panel=_WHO),
    ] = None
    actor: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --owner: the person on record.", rich_help_panel=_WHO),
    ] = None

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Hold it to one name.

        Raises:
            WrongUsage: there is none, or there are two.
        """
        if (self.owner is None) == (self.as_operator is None):
            raise WrongUsage("say in whose name: --owner OWNER, or --as-operator NAME")
        if self.as_operator is not None and self.actor is not None:
            raise WrongUsage("--as-operator NAME is on record as the actor: leave out --actor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer(Caller):
    """In whose name, for commands that the HTTP API serves too: there the token says it, so look before use."""

    def __post_init__(self) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """For what only an operator does."""

    as_operator: Annotated[
        str, typer.Option(metavar="NAME", help="The operator; kept with the event.", rich_help_panel=_WHO)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """For calls that may be sent twice."""

    idempotency_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="A call repeated with the same key gives the first one's success.", rich_help_panel=_WHO
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """For moves decided on what was read before."""

    expected_version: Annotated[
        int | None, typer.Option(metavar="N", help="Move it only if it is still at this version.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How results are written."""

    format: Annotated[
        Format | None,
        typer.Option(
            help="A table, or JSON; a table on a terminal and JSON elsewhere unless said.",
            show_default=False,
            rich_help_panel=_OUTPUT,
        ),
    ] = None


def complete_status(incomplete: str) -> list[str]:
    """The words of a status that begin so, for a shell that completes them."""
    from inbox_lifecycle.domain import Status

    return [word.value for word in Status if word.startswith(incomplete)]


def complete_warmup_status(incomplete: str) -> list[str]:
    """As `complete_status`, of a warmup status."""
    from inbox_lifecycle.domain import WarmupStatus

    return [word.value for word in WarmupStatus if word.startswith(incomplete)]


def read_moment(option: str, text: str) -> datetime:
    """A time from its ISO 8601 form.

    Raises:
        WrongUsage: it is none, or does not say its zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise WrongUsage(f"{option} is a time with its zone, such as 2026-05-01T09:00:00Z")
    return moment


def read_span(option: str, text: str) -> timedelta:
    """A time span from its short form.

    Raises:
        WrongUsage: it is none.
    """
    read = _SPAN.fullmatch(text)
    try:
        return timedelta(**{_UNITS[read[2]]: int(read[1])}) if read else _no_span(option)
    except OverflowError:
        return _no_span(option)


def _no_span(option: str) -> timedelta:
    raise WrongUsage(f"{option} is a number of seconds, minutes, hours or days: 90s, 5m, 2h, 1d")
