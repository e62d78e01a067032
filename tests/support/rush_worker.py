"""Retries of many inboxes at once, each in a thread of its own, in this process or in another.

python -m tests.support.rush_worker DATABASE_URL PROVIDER_URL PROVIDER_KEY INBOX_ID...
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from inbox_lifecycle import Inboxes, InboxLifecycleError, Instantly, RetryRefused
from inbox_lifecycle.testing import Sandbox
from tests.support.aftermath import OWNER
from tests.support.children import run_child
from tests.support.racing import PATIENCE, each, together

#: What one hears whose acceptance was stale when it came to be recorded.
LOST = "lost to version 2"


def main(url: str, base_url: str, api_key: str, *inbox_ids: str) -> None:
    """Rush, and say how each call ended."""
    provider = Instantly(api_key=api_key, base_url=base_url, timeout=PATIENCE)
    with Inboxes(url, provider) as inboxes:
        sys.stdout.write(json.dumps(rush(inboxes, inbox_ids)))


def rush(inboxes: Any, inbox_ids: Sequence[str]) -> list[int | str]:
    """Retry them all at once by a facade or a face: for each its version, or what went wrong."""
    return [_told(answer) for answer in together(each(partial(_retry, inboxes), inbox_ids))]


def heard_elsewhere(url: str, sandbox: Sandbox, inbox_ids: Sequence[str]) -> list[int | str]:
    """The same in another process."""
    told: list[int | str] = json.loads(
        run_child("tests.support.rush_worker", url, sandbox.base_url, sandbox.api_key, *inbox_ids)
    )
    return told


def _retry(inboxes: Any, inbox_id: str) -> int:
    version: int = inboxes.retry_warmup(inbox_id, owner_id=OWNER).version
    return version


def _told(answer: int | InboxLifecycleError) -> int | str:
    if isinstance(answer, RetryRefused):
        return f"lost to version {next(clause.found for clause in answer.verdict.failed if clause.field == 'version')}"
    return repr(answer) if isinstance(answer, InboxLifecycleError) else answer


if __name__ == "__main__":
    main(*sys.argv[1:])
