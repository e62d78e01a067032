"""The demo: the main job for real, with everything that goes wrong on the way.

Each step is headed by the first line of its docstring, and prints only what came out. What a step promises is checked;
one broken promise ends the demo with a failure.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

from inbox_lifecycle import ProviderThrottled, RetryRefused, upgrade_schema
from inbox_lifecycle.cli.render import EVENT_COLUMNS, Record, event_record
from inbox_lifecycle.cli.stage import PromiseBrokenError, Scene, set_stage
from inbox_lifecycle.cli.victim import kill_between_acceptance_and_commit
from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.store.version import HEAD
from inbox_lifecycle.testing import Operation

#: Threads that race for one inbox.
RACERS: Final = 8
#: Seconds that the provider throttles for.
THROTTLED: Final = 1
#: Seconds after which `reconcile` may take over from the call that is killed.
LEASE: Final = 1.0
#: Inboxes that are retried together.
STUCK: Final = 150
#: The actor on whose behalf `reconcile` acts.
KILLED: Final = "nightly-job"
#: Seconds within which it must have done so.
PATIENCE: Final = 10.0

_PENDING = "pending / not_started"
_WARMING = "warming / warming"
_ACTIVE = "active / active"


def run_demo(database_url: str) -> bool:
    """Play it; whether everything came out as promised."""
    with set_stage(database_url) as scene:
        try:
            for step in STEPS:
                scene.tell.head((step.__doc__ or "").splitlines()[0])
                step(scene)
        except PromiseBrokenError as broken:
            scene.tell.say(f"NOT AS PROMISED: {broken}")
            return False
        scene.tell.end(f"All {scene.tell.promises} promises kept, in {scene.tell.seconds:.1f} s.")
        if scene.schema is not None:
            scene.tell.say(f"look around: inbox-lifecycle find --as-operator you --schema {scene.schema}")
    return True


def migrate(scene: Scene) -> None:
    """The schema is brought to its newest revision; from here on the database itself guards the history."""
    revision = upgrade_schema(scene.database_url, schema=scene.schema)
    scene.tell.say(f"revision {revision}")
    scene.tell.promise("the schema is at the revision this code needs", kept=revision == HEAD)


def register(scene: Scene) -> None:
    """Three inboxes are registered, and the provider fails the first enable of each in another way."""
    scene.sandbox.fail_next("reject", status=402, email=scene.address("ana"))
    scene.sandbox.fail_next("busy", email=scene.address("bo"))
    scene.sandbox.fail_next("error", status=503, email=scene.address("cy"))
    rows: list[Record] = []
    for name, outcome in (("ana", "rejected"), ("bo", "busy"), ("cy", "unavailable")):
        inbox = scene.register(name, start_warmup=True)
        (attempt,) = scene.attempts(name)
        rows.append(_row(inbox) | {"first attempt": attempt.outcome, "detail": attempt.detail})
        _promise_pair(scene, inbox, _PENDING)
        scene.tell.promise(f"the first attempt on {name} is on record", kept=attempt.outcome == outcome)
    scene.tell.table(rows, ("inbox", "state", "version", "first attempt", "detail"))


def retry(scene: Scene) -> None:
    """Each is retried: the provider accepts, and row, event and attempt move in one transaction."""
    rows: list[Record] = []
    for name in ("ana", "bo", "cy"):
        inbox = scene.retry(name)
        outcomes = [attempt.outcome for attempt in scene.attempts(name)]
        rows.append(_row(inbox) | {"attempts": ", ".join(map(str, outcomes)), "enable calls": scene.enable_calls(name)})
        _promise_pair(scene, inbox, _WARMING)
        scene.tell.promise(f"{name} warms at the provider", kept=scene.sandbox.warming(scene.address(name)))
        scene.tell.promise(f"the retry of {name} is on record", kept=outcomes[1:] == ["moved"])
    scene.tell.table(rows, ("inbox", "state", "version", "attempts", "enable calls"))


def refuse(scene: Scene) -> None:
    """One more retry is refused, clause by clause; nothing moves and the provider is not asked."""
    before, asked = scene.now("ana"), scene.enable_calls("ana")
    try:
        scene.retry("ana")
    except RetryRefused as refused:
        for clause in refused.verdict.clauses:
            scene.tell.say(str(clause))
        scene.tell.promise("the verdict says what failed", kept=not refused.verdict.holds)
    else:
        raise PromiseBrokenError("the retry of an inbox that warms is refused")
    scene.tell.promise("nothing moved", kept=scene.now("ana") == before)
    scene.tell.promise("the provider was not asked", kept=scene.enable_calls("ana") == asked)


def throttle(scene: Scene) -> None:
    """The provider throttles; the error says how long to wait, and after that wait the retry succeeds."""
    scene.register("dee")
    scene.sandbox.fail_next("throttle", retry_after=THROTTLED, email=scene.address("dee"))
    try:
        scene.retry("dee")
    except ProviderThrottled as throttled:
        scene.tell.say(str(throttled))
        wait = throttled.retry_after
    else:
        raise PromiseBrokenError("the first retry is throttled")
    scene.tell.promise("the error says how long to wait", kept=wait == THROTTLED)
    _promise_pair(scene, scene.now("dee"), _PENDING)
    time.sleep(wait or 0)
    inbox = scene.retry("dee")
    scene.tell.say(f"after {wait:g} s: {inbox.pair}, version {inbox.version}")
    _promise_pair(scene, inbox, _WARMING)


def race(scene: Scene) -> None:
    """Eight threads retry one inbox at the same moment: exactly one moves it."""
    scene.register("eve")
    # Slow enough that all of them have passed the gate before the first one commits.
    scene.sandbox.delay = 0.1
    barrier = threading.Barrier(RACERS)
    with ThreadPoolExecutor(RACERS) as pool:
        answers = Counter(pool.map(lambda _: _race_once(scene, barrier), range(RACERS)))
    scene.sandbox.delay = 0
    outcomes = Counter(str(attempt.outcome) for attempt in scene.attempts("eve"))
    inbox = scene.now("eve")
    scene.tell.say(f"answers   {_counted(answers)}")
    scene.tell.say(f"attempts  {_counted(outcomes)}")
    scene.tell.say(f"provider  asked {scene.enable_calls('eve')} times; inbox {inbox.pair}, version {inbox.version}")
    scene.tell.promise("one thread wins, all others are refused", kept=answers == {"moved": 1, "refused": RACERS - 1})
    scene.tell.promise("each call left its attempt", kept=outcomes.total() == RACERS and outcomes["moved"] == 1)
    scene.tell.promise("the inbox moved once", kept=inbox.version == 2)  # noqa: PLR2004 - its birth and one move


def crash(scene: Scene) -> None:
    """A process is killed with SIGKILL after the provider accepted its retry, before it could write that down."""
    inbox = scene.register("fay")
    status = kill_between_acceptance_and_commit(scene, "fay", actor=KILLED, lease=LEASE)
    (attempt,) = scene.attempts("fay")
    now = scene.now("fay")
    scene.tell.say(f"process   exit status {status}, killed while the provider's answer was on its way")
    scene.tell.say(f"provider  fay warms: {_yes(holds=scene.sandbox.warming(scene.address('fay')))}")
    scene.tell.say(f"database  {now.pair}, version {now.version}; one attempt, outcome {attempt.outcome or 'open'}")
    scene.tell.promise("the provider accepted", kept=scene.sandbox.warming(scene.address("fay")))
    scene.tell.promise("the inbox did not move", kept=now == inbox)
    scene.tell.promise("the attempt is open", kept=attempt.outcome is None)


def recover(scene: Scene) -> None:
    """Once the dead call's lease is over, reconcile asks the provider for the truth and acts on the call's behalf."""
    asked, began = scene.enable_calls("fay"), time.monotonic()
    done = scene.operator.reconcile()
    while scene.now("fay").version == 1 and time.monotonic() - began < PATIENCE:
        time.sleep(0.1)
        done += scene.operator.reconcile()
    inbox, (attempt,) = scene.now("fay"), scene.attempts("fay")
    scene.tell.say(f"after {time.monotonic() - began:.1f} s: {done.moved} moved; {inbox.pair}, version {inbox.version}")
    scene.tell.say(f"attempt   {attempt.outcome}, by the event at version {attempt.event_version}")
    _promise_pair(scene, inbox, _WARMING)
    scene.tell.promise("the dead call's attempt is settled", kept=attempt.outcome == "moved")
    scene.tell.promise("nothing was enabled twice", kept=scene.enable_calls("fay") == asked)


def retry_stuck(scene: Scene) -> None:
    """A hundred and fifty more are stuck, one with an address that the provider does not know: one run retries all."""
    for number in range(STUCK):
        scene.register(f"stuck{number}")
    bad = scene.address("stuck42")
    scene.sandbox.fail_next("reject", status=404, email=bad, times=STUCK)
    asked = scene.sandbox.count(Operation.ENABLE)
    report = scene.operator.retry_stuck(owner_id=scene.owner, older_than=timedelta())
    asked = scene.sandbox.count(Operation.ENABLE) - asked
    scene.sandbox.clear_failures()
    scene.tell.say(f"outcomes  {_counted(Counter(report.counts))}")
    scene.tell.say(f"provider  asked {asked} times in all, most of them to find the one address among the others")
    kept = (
        report.counts == {"moved": STUCK - 1, "rejected": 1} and report.outcomes[scene.cast["stuck42"].id] == "rejected"
    )
    scene.tell.promise("the bad address sinks no other", kept=kept)
    scene.tell.promise("up to a hundred share a call", kept=asked <= math.ceil(STUCK / 100) + 2 * math.log2(100))
    scene.tell.promise("each that moved warms there", kept=scene.sandbox.warming(scene.address("stuck149")))


def graduate(scene: Scene) -> None:
    """Its reputation is built (the sandbox is told so), and by the provider's figures it may send."""
    scene.sandbox.set_account(scene.address("fay"), reputation=96, total_sent=240)
    inbox = scene.operator.graduate(scene.cast["fay"].id, reason="warmed up")
    scene.tell.say(f"{inbox.pair}, version {inbox.version}")
    _promise_pair(scene, inbox, _ACTIVE)


def prove(scene: Scene) -> None:
    """This is what happened to that inbox, as it was written: each hash covers an entry, each entry the hash before."""
    events = list(scene.inboxes.history(scene.cast["fay"].id, owner_id=scene.owner))
    scene.tell.table([event_record(event) for event in events], EVENT_COLUMNS)
    chain = [None, *(event.hash for event in events)]
    for event, before in zip(events, chain, strict=False):
        computed = hashlib.sha256(b"\x00" + event.entry).digest()
        scene.tell.promise(f"the hash of version {event.version} is that of its entry", kept=computed == event.hash)
        scene.tell.promise(f"version {event.version} holds the hash before it", kept=event.previous_hash == before)
    names = [event.name for event in events]
    expected = ["inbox.registered", "inbox.warmup_started", "inbox.graduated"]
    scene.tell.promise("the history is complete", kept=names == expected)
    scene.tell.promise("the dead call's actor is on record", kept=events[1].context.actor == KILLED)


def verify(scene: Scene) -> None:
    """And everything in the database is as it was written."""
    report = scene.operator.verify()
    scene.tell.say(
        f"verified {report.inboxes} inboxes, {report.events} events, {report.attempts} attempts: "
        f"{len(report.findings)} findings"
    )
    scene.tell.promise("verify is clean", kept=report.clean)
    scene.tell.promise("no attempt was left out", kept=report.inboxes >= len(scene.cast))


STEPS: Final[tuple[Callable[[Scene], None], ...]] = (
    migrate,
    register,
    retry,
    refuse,
    throttle,
    race,
    crash,
    recover,
    retry_stuck,
    graduate,
    prove,
    verify,
)


def _race_once(scene: Scene, barrier: threading.Barrier) -> str:
    barrier.wait()
    try:
        scene.retry("eve")
    except RetryRefused:
        return "refused"
    return "moved"


def _promise_pair(scene: Scene, inbox: Inbox, pair: str) -> None:
    scene.tell.promise(f"inbox {inbox.id} is {pair}, found {inbox.pair}", kept=str(inbox.pair) == pair)


def _row(inbox: Inbox) -> Record:
    return {"inbox": (inbox.email_address or "").partition("@")[0], "state": str(inbox.pair), "version": inbox.version}


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _yes(*, holds: bool) -> str:
    return "yes" if holds else "no"
