"""What every provider's adapter must keep, as promises to be run in the tests of whoever wrote one.

    @pytest.mark.parametrize("promise", promises(MySandbox), ids=str)
    def test_my_provider_keeps(promise):
        promise.check()

Each promise makes a fresh sandbox (a `testing.base.ProviderSandbox`), has it fail, asks the adapter that the sandbox
gives for itself, and raises an `AssertionError` that tells what was ordered, asked, expected and found. Neither a
database nor pytest is needed. Unless `sockets=True`, nothing goes over the network and no hang takes time.

After every call, whatever it was about, these are looked at too: that each mailbox asked for got one of the port's
answers, that their reasons are short words, that `enable_warmup` stayed within `budget`, and that no answer, repr or
log record down to DEBUG holds a secret or an address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from inbox_lifecycle.testing.base import ProviderSandbox
from inbox_lifecycle.testing.provider_contract import failing, keeping, looking, switching
from inbox_lifecycle.testing.provider_contract.trial import MailboxOf, Subject, by_address

__all__ = ["Promise", "check_provider", "promises"]

_CHAPTERS: Final[tuple[ModuleType, ...]] = (switching, failing, looking, keeping)


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing that an adapter must keep."""

    name: str
    #: What is promised, in a sentence.
    text: str
    _subject: Subject
    _kept: Callable[[Subject], None]

    def check(self) -> None:
        """Try it.

        Raises:
            AssertionError: it is broken; the message tells what happened.
        """
        try:
            self._kept(self._subject)
        except AssertionError as broken:
            message = f"{self.text}\n{broken}"
        else:
            return
        raise AssertionError(message)

    def __str__(self) -> str:
        return self.name


def promises(
    sandbox: Callable[..., ProviderSandbox],
    *,
    mailbox: MailboxOf = by_address,
    sockets: bool = False,
) -> tuple[Promise, ...]:
    """Every promise, about the adapter of a sandbox.

    Args:
        sandbox: makes a fresh one that knows no mailbox it was not told of; called with `clock=`.
        mailbox: how the library would name a mailbox to the adapter; by its address and no `provider_ref` unless said.
        sockets: ask the sandbox's server over loopback; hangs then take real time.
    """
    subject = Subject(sandbox, mailbox, sockets)
    return tuple(
        Promise(kept.__name__, (kept.__doc__ or "").partition("\n")[0], subject, kept)
        for chapter in _CHAPTERS
        for kept in chapter.PROMISES
    )


def check_provider(sandbox: Callable[..., ProviderSandbox], *, mailbox: MailboxOf = by_address) -> int:
    """Check every promise; the number of them.

    Raises:
        AssertionError: one is broken; the message tells which, and what happened.
    """
    kept = promises(sandbox, mailbox=mailbox)
    for promise in kept:
        promise.check()
    return len(kept)
