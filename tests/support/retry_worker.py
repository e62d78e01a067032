"""A process of its own that retries a list of inboxes: `python -m tests.support.retry_worker`.

Reads an order as one line of JSON, says `ready`, waits for another line, retries, and answers with one line of JSON:
for each inbox the version that a success returned, or the name of the error.
"""

from __future__ import annotations

import json
import sys

from inbox_lifecycle import Inboxes, InboxLifecycleError, Instantly
from tests.support.racing import PATIENCE


def main() -> None:
    """Work."""
    order = json.loads(sys.stdin.readline())
    provider = Instantly(api_key=order["api_key"], base_url=order["base_url"], timeout=PATIENCE)
    with Inboxes(order["url"], provider=provider) as inboxes:
        say("ready")
        sys.stdin.readline()
        say(json.dumps([retry(inboxes, inbox_id, order["owner_id"]) for inbox_id in order["inbox_ids"]]))


def retry(inboxes: Inboxes, inbox_id: str, owner_id: str) -> int | str:
    """How one retry ended."""
    try:
        return inboxes.retry_warmup(inbox_id, owner_id=owner_id).version
    except InboxLifecycleError as error:
        return type(error).__name__


def say(line: str) -> None:
    """Tell the parent."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
