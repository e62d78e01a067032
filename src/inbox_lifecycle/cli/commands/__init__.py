"""The commands, in the order and under the headings of `--help`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import typer

from inbox_lifecycle.cli.commands import (
    bulk,
    completing,
    database,
    doctor,
    exporting,
    feeding,
    keeping,
    looking,
    moving,
    proving,
    sending,
    serving,
    settling,
    tokens,
    travelling,
    trying,
    verifying,
)
from inbox_lifecycle.cli.flattening import flattened

Commands = Mapping[str, Callable[..., object]]

PANELS: Final[Mapping[str, Commands]] = {
    "Moving an inbox": {
        "register": moving.register,
        "start-warmup": moving.start_warmup,
        "retry-warmup": moving.retry_warmup,
        "fail-warmup": moving.fail_warmup,
        "graduate": moving.graduate,
        "ban": moving.ban,
        "correct": moving.correct,
    },
    "Many at once": {
        "retry-stuck": bulk.retry_stuck,
        "retry-many": bulk.retry_many,
        "sync-warmup": bulk.sync_warmup,
    },
    "Sending": {
        "warmup-analytics": sending.warmup_analytics,
        "require-active": sending.require_active,
        "launch-campaign": sending.launch_campaign,
    },
    "Looking, changing nothing": {
        "show": looking.show,
        "find": looking.find,
        "history": looking.history,
        "attempts": looking.attempts,
        "as-of": travelling.as_of,
        "diff": travelling.diff,
        "why": travelling.why,
        "export": exporting.export,
        "verify": verifying.verify,
    },
    "Proving": {
        "checkpoint": proving.checkpoint,
        "checkpoints": proving.checkpoints,
        "prove": proving.prove,
        "verify-bundle": proving.verify_bundle,
    },
    "The feed": {
        "seal": feeding.seal,
        "feed": feeding.feed,
        "parked": feeding.parked,
    },
    "Serving": {"serve": serving.serve},
    "Keeping house": {
        "doctor": doctor.doctor,
        "reconcile": settling.reconcile,
        "erase": keeping.erase,
        "prune-attempts": keeping.prune_attempts,
    },
    "Trying it out": {"demo": trying.demo, "sandbox": trying.sandbox},
    "Your shell": {"completion": completing.completion},
}

DATABASE: Final[Commands] = {"upgrade": database.upgrade, "check": database.check, "grant": database.grant}
TOKEN: Final[Commands] = {"create": tokens.create, "list": tokens.show, "revoke": tokens.revoke}
KEY: Final[Commands] = {"generate": proving.generate_key, "public": proving.public_key}


def add_commands(app: typer.Typer) -> None:
    """Add all of them."""
    for panel, commands in PANELS.items():
        for name, function in commands.items():
            app.command(name, rich_help_panel=panel)(flattened(function, name))
    _add_group(app, "key", KEY, panel="Proving", about="The log's key: what checkpoints and proofs are signed with.")
    _add_group(app, "token", TOKEN, panel="Serving", about="API keys: the tokens by which owners call the HTTP API.")
    _add_group(app, "db", DATABASE, panel="Keeping house", about="The database: its schema, its state, its roles.")


def _add_group(app: typer.Typer, name: str, commands: Commands, *, panel: str, about: str) -> None:
    group = typer.Typer(help=about)
    for command, function in commands.items():
        group.command(command)(flattened(function, f"{name} {command}"))
    app.add_typer(group, name=name, rich_help_panel=panel)
