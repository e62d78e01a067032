"""Options in groups, each declared once: a command takes a group as one parameter, and the user sees its options.

Nothing here imports the library's engines: `--help` must be quick.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, get_type_hints

import typer

DEFAULT_DATABASE = "sqlite:///inboxes.db"
DEFAULT_PROVIDER_URL = "https://api.instantly.ai"

_WHERE = "Where"
_WHO = "Who, and why"
_OUTPUT = "Output"


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"


class WrongUsage(Exception):
    """The options do not fit together, or a setting is missing; the text says the cure."""

    #: The command, as it is typed.
    command = ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Which provider; its key comes from the environment alone, since a command line is seen by everyone."""

    provider_url: Annotated[
        str,
        typer.Option(
            envvar="INSTANTLY_BASE_URL",
            metavar="URL",
            help="The warmup provider; its key is taken from INSTANTLY_API_KEY.",
            rich_help_panel=_WHERE,
        ),
    ] = DEFAULT_PROVIDER_URL


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
        if (self.owner is None) == (self.as_operator is None):
            raise WrongUsage("say in whose name: --owner OWNER, or --as-operator NAME")
        if self.as_operator is not None and self.actor is not None:
            raise WrongUsage("--as-operator NAME is on record as the actor: leave out --actor")


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


def help_text(doc: str | None) -> str:
    """A docstring as help: its lines joined, for a terminal has its own width; indented ones (examples) stay."""
    return re.sub(r"(?<=\S)\n(?=\S)", " ", inspect.cleandoc(doc or ""))


def flattened(function: Callable[..., object], path: str) -> Callable[..., object]:
    """The function with its groups' fields for parameters, which is how Typer reads it.

    Args:
        function: a command; its docstring is the help.
        path: the command as it is typed.
    """
    hints = get_type_hints(function, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint) and isinstance(hint, type)}

    def call(**values: object) -> object:
        try:
            for name, group in groups.items():
                values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
            return function(**values)
        except WrongUsage as wrong:
            wrong.command = path
            raise
        except BrokenPipeError:
            # Typer ends the process itself where it meets this one.
            raise OutputClosed from None

    parameters = _parameters(function, hints, groups)
    call.__doc__ = help_text(function.__doc__)
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    setattr(call, "__signature__", inspect.Signature(parameters))  # noqa: B010 - functions do not declare it
    return call


def _parameters(
    function: Callable[..., object], hints: dict[str, Any], groups: dict[str, type]
) -> list[inspect.Parameter]:
    found: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in groups:
            found += inspect.signature(groups[name], eval_str=True).parameters.values()
        else:
            found.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
    return found
