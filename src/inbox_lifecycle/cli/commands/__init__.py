"""The commands, in the order and under the headings of `--help`.

Each is imported, and its options are read, when it is the one that was typed: that takes most of what a start takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import typer

from inbox_lifecycle.cli.flattening import Help, flattened, help_text

#: Names of commands, and where each is: a module beside this one, and its function.
Commands = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Commands that are typed after one word."""

    panel: str
    about: str
    commands: Commands


PANELS: Final[Mapping[str, Commands]] = {
    "Moving an inbox": {
        "register": "moving.register",
        "start-warmup": "moving.start_warmup",
        "retry-warmup": "moving.retry_warmup",
        "fail-warmup": "moving.fail_warmup",
        "graduate": "moving.graduate",
        "ban": "moving.ban",
        "correct": "moving.correct",
    },
    "Many at once": {
        "retry-stuck": "bulk.retry_stuck",
        "retry-many": "bulk.retry_many",
        "sync-warmup": "bulk.sync_warmup",
    },
    "Sending": {
        "warmup-analytics": "sending.warmup_analytics",
        "require-active": "sending.require_active",
        "launch-campaign": "sending.launch_campaign",
    },
    "Looking, changing nothing": {
        "show": "looking.show",
        "find": "looking.find",
        "history": "looking.history",
        "attempts": "looking.attempts",
        "as-of": "travelling.as_of",
        "diff": "travelling.diff",
        "why": "travelling.why",
        "export": "exporting.export",
        "verify": "verifying.verify",
    },
    "Proving": {
        "checkpoint": "proving.checkpoint",
        "checkpoints": "proving.checkpoints",
        "prove": "proving.prove",
        "verify-bundle": "proving.verify_bundle",
    },
    "The feed": {
        "seal": "feeding.seal",
        "feed": "feeding.feed",
        "parked": "feeding.parked",
    },
    "Serving": {"serve": "serving.serve"},
    "Keeping house": {
        "doctor": "doctor.doctor",
        "reconcile": "settling.reconcile",
        "erase": "keeping.erase",
        "prune-attempts": "keeping.prune_attempts",
    },
    "Trying it out": {"demo": "trying.demo", "sandbox": "trying.sandbox"},
    "Your shell": {"completion": "completing.completion"},
}

GROUPS: Final[Mapping[str, Group]] = {
    "key": Group(
        panel="Proving",
        about="The log's key: what checkpoints and proofs are signed with.",
        commands={"generate": "proving.generate_key", "public": "proving.public_key"},
    ),
    "token": Group(
        panel="Serving",
        about="API keys: the tokens by which owners call the HTTP API.",
        commands={"create": "tokens.create", "list": "tokens.show", "revoke": "tokens.revoke"},
    ),
    "db": Group(
        panel="Keeping house",
        about="The database: its schema, its state, its roles.",
        commands={"upgrade": "database.upgrade", "check": "database.check", "grant": "database.grant"},
    ),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, as far as it says which commands are needed."""

    #: Without the options; of no meaning where `everything` is needed.
    words: Sequence[str] = ()
    #: Whether commands are to be told about, as `--help` does; else their names will do.
    told: bool = False
    #: Whether every command is needed with its options, as by a shell that completes them.
    everything: bool = False

    def add(self, app: typer.Typer) -> None:
        """Add the command that was typed, or all of them where none was."""
        typed = self._typed(0, {*GROUPS, *(name for commands in PANELS.values() for name in commands)})
        for panel, commands in PANELS.items():
            for name, home in commands.items():
                if typed in (None, name):
                    app.command(name, rich_help_panel=panel)(self._function(home, name, wanted=name == typed))
        for name, group in GROUPS.items():
            if typed in (None, name):
                app.add_typer(self._group(name, group), name=name, rich_help_panel=group.panel)

    def _group(self, name: str, group: Group) -> typer.Typer:
        app = typer.Typer(help=group.about)
        app.callback()(_only_help)
        typed = self._typed(1, group.commands)
        for command, home in group.commands.items():
            app.command(command)(self._function(home, f"{name} {command}", wanted=command == typed))
        return app

    def _typed(self, at: int, names: Any) -> str | None:
        word = None if self.everything or len(self.words) <= at else self.words[at]
        return word if word in names else None

    def _function(self, home: str, path: str, *, wanted: bool) -> Callable[..., object]:
        if wanted or self.everything:
            return flattened(_load(home), path)
        return _listed(help_text(_load(home).__doc__) if self.told else "")


def _load(home: str) -> Callable[..., object]:
    module, _, name = home.partition(".")
    function: Callable[..., object] = getattr(import_module(f"{__name__}.{module}"), name)
    return function


def _only_help(*, help_wanted: Help = False) -> None:
    del help_wanted


def _listed(about: str) -> Callable[..., object]:
    """A command that is only to be listed: it was not typed."""

    def call() -> None:
        pass

    call.__doc__ = about
    return call
