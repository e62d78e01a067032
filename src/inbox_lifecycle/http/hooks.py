"""What a host hands to the router: who is calling, what it adds to an account, and which senders a campaign has.

A plain function is called in a thread, so that it may wait; a coroutine function is awaited. `Present` is a plain one.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from fastapi.concurrency import run_in_threadpool

from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.errors import InboxLifecycleError
from inbox_lifecycle.http.principal import Principal

T = TypeVar("T")

#: From a bearer token to its principal; None where the token is not good, for whatever reason.
Authenticate = Callable[[str], Principal | Awaitable[Principal | None] | None]

#: The fields that a host adds to an account's row; where one has the name of one of ours, ours stands.
#: Where it raises, or answers with what is no JSON, the row goes out without them, and the error's type into the log.
Present = Callable[[Inbox], Mapping[str, object]]

#: From a campaign's id and the caller to the ids of its senders; None where this caller has no such campaign.
SendersOf = Callable[[str, Principal], Sequence[str] | Awaitable[Sequence[str] | None] | None]


class CampaignNotLaunchable(InboxLifecycleError):
    """A host's `SendersOf` says that a campaign of this caller cannot be launched as it is: it is no draft, say.

    The message goes to the client as it is, with status 400.
    """


async def call(hook: Callable[..., T | Awaitable[T]], *args: Any) -> T:
    """What a hook answers, without holding up the event loop."""
    if _is_coroutine_function(hook):
        answer = hook(*args)
    else:
        answer = await run_in_threadpool(hook, *args)
    return await answer if inspect.isawaitable(answer) else answer


def _is_coroutine_function(hook: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(getattr(hook, "__call__", None))  # noqa: B004 - an object whose __call__ is one
