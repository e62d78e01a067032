"""A process of its own that runs `retry_stuck` once.

    python -m tests.support.bulk_child DATABASE_URL PROVIDER_URL PROVIDER_KEY

It says `ready`, waits for a line, and answers with its report as one line of JSON: what became of each inbox.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta

from inbox_lifecycle import Inboxes, Instantly
from tests.support.racing import PATIENCE


def main(url: str, base_url: str, api_key: str) -> None:
    """Run it."""
    with Inboxes(url, Instantly(api_key=api_key, base_url=base_url, timeout=PATIENCE)) as inboxes:
        say("ready")
        sys.stdin.readline()
        report = inboxes.operator(actor="child").retry_stuck(older_than=timedelta(0))
        say(json.dumps(dict(report.outcomes)))


def say(line: str) -> None:
    """Tell the parent."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
