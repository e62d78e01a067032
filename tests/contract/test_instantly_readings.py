"""Reading from Instantly and launching campaigns, against the sandbox over real HTTP on loopback."""

import logging
from collections.abc import Iterator

import pytest

from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.providers.port import (
    ActivateAnswer,
    Activated,
    Busy,
    DailyFigures,
    Enabled,
    Figures,
    Mailbox,
    NoFigures,
    Provider,
    Rejected,
    Throttled,
    Unknown,
)
from inbox_lifecycle.testing import Kind, Operation, Sandbox, SandboxRequest, WarmupCode
from tests.support.http_driver import drive
from tests.support.instantly import (
    ANA,
    BO,
    activate,
    analytics,
    disable,
    enable,
    mailboxes,
    operations,
    provider_of,
    read,
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox that knows no account it was not told of."""
    with Sandbox(accept_unknown=False) as running:
        running.set_account(ANA)
        yield running


@pytest.fixture
def provider(sandbox: Sandbox) -> Provider:
    """The adapter, pointed at the sandbox."""
    return provider_of(sandbox)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (1, WarmupState.WARMING),
        (0, WarmupState.NOT_WARMING),
        (-1, WarmupState.BANNED),
        (-2, WarmupState.SPAM_FOLDER_UNKNOWN),
        (-3, WarmupState.SUSPENDED),
        (7, WarmupState.UNKNOWN),
    ],
)
def test_account_is_read_in_our_words(sandbox: Sandbox, provider: Provider, code: int, state: WarmupState) -> None:
    """Every number of the provider has a word here, and a new one is nobody's guess."""
    sandbox.set_account(ANA, warmup_status=code)
    assert read(provider) is state


def test_missing_account_is_absent(provider: Provider) -> None:
    """A 404 is a definite answer."""
    assert read(provider, BO) is WarmupState.ABSENT


@pytest.mark.parametrize("kind", [Kind.CUT, Kind.NOT_JSON, Kind.TRUNCATED, Kind.ERROR, Kind.THROTTLE, Kind.REJECT])
def test_account_that_cannot_be_read_is_unknown(sandbox: Sandbox, provider: Provider, kind: Kind) -> None:
    """Only a readable account says anything."""
    sandbox.fail_next(kind, on="account")
    assert read(provider) is WarmupState.UNKNOWN


def test_paused_account_with_a_running_job_is_pending(sandbox: Sandbox, provider: Provider) -> None:
    """While a warmup job runs, paused is no definite "no"."""
    sandbox.fail_next("job_pending")
    assert isinstance(enable(provider), Enabled)
    assert read(provider) is WarmupState.JOB_PENDING


def test_paused_account_with_an_unreadable_job_list_is_unknown(sandbox: Sandbox, provider: Provider) -> None:
    """Without the job list there is no definite "no"."""
    sandbox.fail_next("error", on="jobs")
    assert read(provider) is WarmupState.UNKNOWN


def test_account_whose_job_failed_later_is_not_warming(sandbox: Sandbox, provider: Provider) -> None:
    """A job that was taken and then failed leaves a definite "no"."""
    sandbox.fail_next("job_fails")
    assert isinstance(enable(provider), Enabled)
    assert read(provider) is WarmupState.NOT_WARMING


def test_job_that_ends_between_the_two_looks_makes_no_false_no() -> None:
    """The account is read again after the job list, so a job that ended meanwhile is seen by its effect."""
    now = [0.0]
    with Sandbox(job_seconds=10, clock=lambda: now[0]) as sandbox:
        provider = provider_of(sandbox)
        enable(provider)

        def job_ends_after_the_first_look(request: SandboxRequest) -> None:
            if request.operation is Operation.ACCOUNT:
                now[0] = 11.0

        sandbox.before_answer(job_ends_after_the_first_look)
        assert read(provider) is WarmupState.WARMING
        assert operations(sandbox)[1:] == [Operation.ACCOUNT, Operation.JOBS, Operation.ACCOUNT]


def test_job_list_is_looked_at_once_for_a_whole_batch(sandbox: Sandbox, provider: Provider) -> None:
    """Many paused accounts share one look, and only the first is read twice."""
    addresses = [f"inbox{number}@mail.example.com" for number in range(5)]
    for address in addresses:
        sandbox.set_account(address)
    states = drive(provider.read_warmup(mailboxes(*addresses)))
    assert set(states.values()) == {WarmupState.NOT_WARMING}
    assert sandbox.count(Operation.JOBS) == 1
    assert sandbox.count(Operation.ACCOUNT) == 6


def test_figures_join_analytics_and_account(sandbox: Sandbox, provider: Provider) -> None:
    """Counts come from the analytics, reputation and state from the account, days in order."""
    sandbox.set_account(
        ANA,
        warmup_status=WarmupCode.ACTIVE,
        reputation=89.99,
        total_sent=200,
        total_received=150,
        landed_spam=10,
        daily={"2026-02-02": (20, 15), "2026-02-01": (10, 5)},
    )
    assert analytics(provider) == Figures(
        total_sent=200,
        total_received=150,
        landed_spam=10,
        health_score=95,
        health_score_label="95%",
        reputation=89,
        warmup=WarmupState.WARMING,
        daily=(
            DailyFigures(date="2026-02-01", sent=10, received=5),
            DailyFigures(date="2026-02-02", sent=20, received=15),
        ),
    )


def test_figures_of_a_new_account_are_missing(provider: Provider) -> None:
    """An account that was not measured yet has no figures, rather than zeros."""
    assert analytics(provider) == NoFigures("not_measured_yet")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Kind.THROTTLE, "throttled"),
        (Kind.BUSY, "busy"),
        (Kind.CUT, "unanswered"),
        (Kind.NOT_JSON, "unreadable"),
        (Kind.REJECT, "bad_request"),
    ],
)
def test_analytics_that_cannot_be_had_say_why(sandbox: Sandbox, provider: Provider, kind: Kind, reason: str) -> None:
    """Each failure of the analytics is named in a word of ours."""
    sandbox.set_account(ANA, total_sent=1)
    sandbox.fail_next(kind, on="analytics")
    assert analytics(provider) == NoFigures(reason)


def test_figures_with_an_unreadable_account_are_missing(sandbox: Sandbox, provider: Provider) -> None:
    """Half of the figures are none."""
    sandbox.set_account(ANA, total_sent=1)
    sandbox.fail_next("not_json", on="account")
    assert analytics(provider) == NoFigures("account_unreadable")


def test_campaign_is_activated(sandbox: Sandbox, provider: Provider) -> None:
    """A launch reaches the provider."""
    sandbox.add_campaign("c-1")
    assert activate(provider, "c-1") == Activated()
    assert sandbox.activated("c-1")


def test_unknown_campaign_is_rejected(provider: Provider) -> None:
    """A campaign that is not there cannot be launched."""
    assert activate(provider, "c-2") == Rejected(404, "no_such_campaign")


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (Kind.CUT, Unknown("unanswered")),
        (Kind.NOT_JSON, Unknown("unreadable")),
        (Kind.BUSY, Busy(None)),
        (Kind.THROTTLE, Throttled(None)),
    ],
)
def test_failing_launch_is_told_apart(sandbox: Sandbox, provider: Provider, kind: Kind, answer: ActivateAnswer) -> None:
    """A launch that may have happened is never called a failure."""
    sandbox.add_campaign("c-1")
    sandbox.fail_next(kind, on="activate")
    assert activate(provider, "c-1") == answer


def test_nothing_tells_the_key_or_the_address(
    sandbox: Sandbox, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither any log record nor any answer holds what must stay secret, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    told = [repr(provider), str(provider), repr(Mailbox(InboxId("id"), ANA))]
    for kind in Kind:
        for operation in Operation:
            sandbox.fail_next(kind, on=operation, seconds=0, status=500)
        told += [repr(list(drive(provider.enable_warmup(mailboxes(ANA))).values())), repr(read(provider))]
        told += [repr(analytics(provider)), repr(disable(provider)), repr(activate(provider, "c-1"))]
        sandbox.clear_failures()
    told += [record.getMessage() + repr(record.args) for record in caplog.records]
    assert caplog.records
    for secret in (sandbox.api_key, ANA, "Ana", "mail.example.com"):
        assert not [line for line in told if secret.lower() in line.lower()]
