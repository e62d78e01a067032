"""A process that makes a facade, uses it, and forks: parent and children go on with the same facade at once.

    python -m tests.support.forking_child sync|async DATABASE_URL PROVIDER_URL PROVIDER_KEY INBOX_ID...

The first inbox is retried before the fork, so that there are connections and threads to inherit; the others are dealt
out among the parent and its two children. Each writes one line of JSON: the versions, or the names of the errors.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence

from inbox_lifecycle import AsyncInboxes, Inboxes, Instantly
from tests.support.aftermath import OWNER

CHILDREN = 2

RetryAll = Callable[[Sequence[str]], list[int | str]]


def main(mode: str, url: str, base_url: str, api_key: str, first: str, *rest: str) -> None:
    """Warm up, fork, and go on in every process."""
    provider = Instantly(api_key=api_key, base_url=base_url)
    retry_all = blocking(Inboxes(url, provider)) if mode == "sync" else awaiting(AsyncInboxes(url, provider))
    assert retry_all([first]) == [2]
    children: list[int] = []
    for number in range(CHILDREN):
        child = os.fork()
        if child == 0:
            say(retry_all(rest[number :: CHILDREN + 1]))
            # Nothing of the parent's is to be tidied up here.
            os._exit(0)
        children.append(child)
    say(retry_all(rest[CHILDREN :: CHILDREN + 1]))
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * CHILDREN


def blocking(inboxes: Inboxes) -> RetryAll:
    """By the sync facade."""

    def retry(inbox_id: str) -> int | str:
        try:
            return inboxes.retry_warmup(inbox_id, owner_id=OWNER).version
        except Exception as error:  # noqa: BLE001 - the test is told its name
            return repr(error)

    return lambda inbox_ids: [retry(inbox_id) for inbox_id in inbox_ids]


def awaiting(inboxes: AsyncInboxes) -> RetryAll:
    """By the async facade, all at once, on a loop of the process's own."""

    async def retry(inbox_id: str) -> int | str:
        try:
            return (await inboxes.retry_warmup(inbox_id, owner_id=OWNER)).version
        except Exception as error:  # noqa: BLE001 - the test is told its name
            return repr(error)

    async def retry_all(inbox_ids: Sequence[str]) -> list[int | str]:
        return await asyncio.gather(*map(retry, inbox_ids))

    return lambda inbox_ids: asyncio.run(retry_all(inbox_ids))


def say(versions: list[int | str]) -> None:
    """Write a line, in one go: three processes share the pipe."""
    os.write(sys.stdout.fileno(), (json.dumps(versions) + "\n").encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
