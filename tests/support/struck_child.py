"""A process whose main thread retries one inbox after another, and is struck by a signal somewhere in each call.

    python -m tests.support.struck_child DATABASE_URL PROVIDER_URL PROVIDER_KEY INBOX_ID...

A process of its own, as no interruption can be kept from striking the libraries below ours as well, where it may leave
a socket to the garbage collector. It ends with status 0 if every call ended, one way or the other.
"""

from __future__ import annotations

import signal
import sys
from itertools import cycle
from threading import Timer

from inbox_lifecycle import Inboxes, Instantly
from tests.support.aftermath import OWNER
from tests.support.interrupts import Interrupts, SoftTimeLimit

#: Seconds between the first strike and the last, counted from the beginning of the call: a little more than it takes.
SPAN = 0.015


def main(url: str, base_url: str, api_key: str, first: str, *rest: str) -> None:
    """Retry them all, the first one undisturbed, which warms the pools up."""
    interrupts = Interrupts()
    signal.signal(signal.SIGINT, interrupts.handle)
    with Inboxes(url, Instantly(api_key=api_key, base_url=base_url)) as inboxes:
        inboxes.retry_warmup(first, owner_id=OWNER)
        kinds = cycle((KeyboardInterrupt, SoftTimeLimit))
        for number, (inbox_id, kind) in enumerate(zip(rest, kinds, strict=False)):
            retry_struck(inboxes, inbox_id, interrupts, kind, after=SPAN * number / len(rest))


def retry_struck(
    inboxes: Inboxes, inbox_id: str, interrupts: Interrupts, kind: type[BaseException], *, after: float
) -> None:
    """Retry, and be struck after so many seconds."""
    strike = Timer(after, interrupts.send)
    try:
        with interrupts.raising(kind):
            strike.start()
            try:
                inboxes.retry_warmup(inbox_id, owner_id=OWNER)
            finally:
                # It strikes in here at the latest.
                strike.join()
    except kind:
        strike.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
