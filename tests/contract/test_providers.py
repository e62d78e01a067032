"""Every adapter that is shipped keeps the one contract, over real HTTP on loopback, and once without a socket."""

from __future__ import annotations

from functools import partial

import pytest

from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.providers.port import Mailbox
from inbox_lifecycle.testing import Sandbox, SmartleadSandbox
from inbox_lifecycle.testing.base import ProviderSandbox
from inbox_lifecycle.testing.provider_contract import Promise, promises


def numbered(sandbox: ProviderSandbox, email: str) -> Mailbox:
    """A mailbox whose number at Smartlead is known; one that is not there has a number of nobody's."""
    assert isinstance(sandbox, SmartleadSandbox)
    number = sandbox.provider_ref(email) if sandbox.account(email) else "1"
    return Mailbox(InboxId(f"id-of-{email.partition('@')[0]}"), email, number)


STRICT = partial(Sandbox, accept_unknown=False)

PROVIDERS = {
    "instantly": promises(STRICT, sockets=True),
    "smartlead": promises(SmartleadSandbox, mailbox=numbered, sockets=True),
    "smartlead, looked up": promises(SmartleadSandbox),
}


@pytest.mark.parametrize(
    "promise",
    [pytest.param(promise, id=f"{name}: {promise}") for name, kept in PROVIDERS.items() for promise in kept],
)
def test_provider_keeps_its_promise(promise: Promise) -> None:
    """Whatever the provider does, the adapter answers as the port says."""
    promise.check()
