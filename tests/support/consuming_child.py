"""A consumer to be killed: `python -m tests.support.consuming_child URL NAME COUNT`.

It writes each position it hears on a line of its own, and stays in its handler from the COUNT-th one on.
"""

from __future__ import annotations

import sys

from inbox_lifecycle import Inboxes
from inbox_lifecycle.records import FedEvent


def main() -> None:
    """Consume."""
    url, name, count = sys.argv[1:]
    heard: list[int] = []

    def hear(fed: FedEvent) -> None:
        heard.append(fed.position)
        sys.stdout.write(f"{fed.position}\n")
        sys.stdout.flush()
        if len(heard) == int(count):
            sys.stdin.read()

    with Inboxes(url) as inboxes:
        inboxes.operator(actor="child").subscribe(name, hear)


if __name__ == "__main__":
    main()
