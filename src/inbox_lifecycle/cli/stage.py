"""What the demo plays on: a database of its own, a provider on loopback, and the teller that prints what came out."""

from __future__ import annotations

import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from inbox_lifecycle import Attempt, Inbox, Inboxes, Instantly, Operator, audit_context
from inbox_lifecycle.cli.options import DEFAULT_DATABASE
from inbox_lifecycle.cli.render import Record, make_console, print_table
from inbox_lifecycle.store.engine import read_url
from inbox_lifecycle.testing import Sandbox

#: Never the schema that a service works in: `reconcile` settles whatever it finds there, by this provider's word.
SCHEMA = "inbox_lifecycle_demo"

_INDENT = 4


class PromiseBrokenError(Exception):
    """Something did not come out as promised."""


@dataclass(slots=True)
class Teller:
    """Prints the story, and holds it to its word."""

    began: float = field(default_factory=time.monotonic)
    promises: int = 0
    _steps: int = 0

    def head(self, sentence: str) -> None:
        """A new step."""
        from rich.text import Text

        self._steps += 1
        make_console().print(Text(f"\n{self._steps}. {sentence}", style="bold"))
        sys.stdout.flush()

    def end(self, sentence: str) -> None:
        """The last word."""
        from rich.text import Text

        make_console().print(Text(f"\n{sentence}", style="bold"))

    def say(self, text: str) -> None:
        """Something that came out."""
        print(f"{' ' * _INDENT}{text}", flush=True)

    def table(self, records: Sequence[Record], columns: Sequence[str]) -> None:
        """Several things that came out."""
        print_table(records, columns, indent=_INDENT - 1)
        sys.stdout.flush()

    def promise(self, what: str, *, kept: bool) -> None:
        """Hold the story to its word.

        Raises:
            PromiseBrokenError: it did not keep it.
        """
        if not kept:
            raise PromiseBrokenError(what)
        self.promises += 1

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.began


@dataclass(slots=True)
class Scene:
    """Everything that a step may use."""

    tell: Teller
    sandbox: Sandbox
    database_url: str
    schema: str | None
    inboxes: Inboxes
    #: Nobody else's, so that a database with other inboxes in it is a fine place too.
    owner: str = field(default_factory=lambda: f"owner-{secrets.token_hex(4)}")
    domain: str = field(default_factory=lambda: f"demo-{secrets.token_hex(4)}.example")
    #: The inboxes of the story by first name.
    cast: dict[str, Inbox] = field(default_factory=dict)

    @property
    def operator(self) -> Operator:
        """The operator of the story."""
        return self.inboxes.operator(actor="olga")

    def address(self, name: str) -> str:
        """Somebody's address."""
        return f"{name}@{self.domain}"

    def register(self, name: str, *, start_warmup: bool = False) -> Inbox:
        """Somebody's inbox, new."""
        inbox = self.inboxes.register(email_address=self.address(name), owner_id=self.owner, start_warmup=start_warmup)
        self.cast[name] = inbox
        return inbox

    def retry(self, name: str) -> Inbox:
        """Somebody's inbox, after a retry."""
        return self.inboxes.retry_warmup(self.cast[name].id, owner_id=self.owner)

    def now(self, name: str) -> Inbox:
        """Somebody's inbox as it stands."""
        return self.inboxes.get(self.cast[name].id, owner_id=self.owner)

    def attempts(self, name: str) -> list[Attempt]:
        """The attempts on somebody's inbox."""
        return list(self.inboxes.attempts(self.cast[name].id, owner_id=self.owner))

    def enable_calls(self, name: str) -> int:
        """How often the provider was asked to enable somebody."""
        return self.sandbox.enable_calls(self.address(name))


@contextmanager
def set_stage(database_url: str) -> Iterator[Scene]:
    """The scene, with a provider that listens; whatever was made for it is gone at the end."""
    tell = Teller()
    with ExitStack() as stack:
        url, schema = _choose_database(database_url, tell, stack)
        sandbox = stack.enter_context(Sandbox())
        tell.say(f"provider  a sandbox that speaks Instantly v2 over real HTTP on {sandbox.base_url}")
        provider = Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url)
        stack.enter_context(audit_context(actor="app", reason="demo"))
        inboxes = stack.enter_context(Inboxes(url, provider, schema=schema))
        yield Scene(tell=tell, sandbox=sandbox, database_url=url, schema=schema, inboxes=inboxes)


def _choose_database(database_url: str, tell: Teller, stack: ExitStack) -> tuple[str, str | None]:
    wanted = read_url(database_url)
    if wanted.get_backend_name() != "sqlite":
        # Not the URL, which may hold a password in more than one place.
        tell.say(f"database  PostgreSQL, {wanted.database}, with addresses that nobody has")
        tell.say(f"          in the schema {SCHEMA}; nothing else there is touched")
        return wanted.render_as_string(hide_password=False), SCHEMA
    if database_url != DEFAULT_DATABASE:
        tell.say("database  DATABASE_URL names an SQLite file, which is left alone")
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="inbox-lifecycle-demo-"))
    path = Path(folder) / "inboxes.db"
    tell.say(f"database  SQLite, {path}, removed at the end")
    return f"sqlite:///{path}", None
