"""Switching warmup on and off with Instantly, against the sandbox over real HTTP on loopback."""

import socket
from collections.abc import Iterator

import pytest

from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.providers.instantly import Instantly
from inbox_lifecycle.providers.port import (
    AlreadyWarming,
    Busy,
    Disabled,
    Enabled,
    Provider,
    Rejected,
    Throttled,
    Unavailable,
    Unknown,
)
from inbox_lifecycle.testing import Failure, Kind, Operation, Sandbox, SandboxRequest, WarmupCode
from tests.support.http_driver import drive
from tests.support.instantly import (
    ANA,
    BO,
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


def test_enable_answers_with_the_job_and_the_account_warms(sandbox: Sandbox, provider: Provider) -> None:
    """A request that is taken costs one exchange and names the provider's job."""
    answer = enable(provider)
    assert isinstance(answer, Enabled)
    assert answer.job_id
    assert sandbox.warming(ANA)
    assert operations(sandbox) == [Operation.ENABLE]


def test_enable_of_a_warming_account_succeeds_again(sandbox: Sandbox, provider: Provider) -> None:
    """Asking twice is as good as asking once."""
    sandbox.fail_next("already_warming")
    assert isinstance(enable(provider), Enabled)
    assert isinstance(enable(provider), Enabled)
    assert sandbox.warming(ANA)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "bad_request"),
        (401, "unauthorised"),
        (402, "payment_required"),
        (403, "forbidden"),
        (404, "no_such_account"),
        (418, "refused"),
        (422, "unprocessable"),
        (302, "redirected"),
    ],
)
def test_enable_refused_by_status_is_rejected_at_once(
    sandbox: Sandbox, provider: Provider, status: int, reason: str
) -> None:
    """A clear no is passed on in a word of ours, without a second exchange."""
    sandbox.fail_next("reject", status=status)
    assert enable(provider) == Rejected(status, reason)
    assert operations(sandbox) == [Operation.ENABLE]
    assert not sandbox.warming(ANA)


def test_enable_with_a_wrong_key_is_unauthorised(sandbox: Sandbox) -> None:
    """The key is checked by the provider and the answer says what is wrong."""
    provider = Instantly(api_key="wrong", base_url=sandbox.base_url)
    assert enable(provider) == Rejected(401, "unauthorised")


def test_enable_of_an_unknown_account_is_rejected(provider: Provider) -> None:
    """An address that the provider does not know cannot be warmed."""
    assert enable(provider, BO) == Rejected(404, "no_such_account")


def test_enable_whose_job_fails_at_once_is_rejected(sandbox: Sandbox, provider: Provider) -> None:
    """A no inside a success has no status."""
    sandbox.fail_next("job_failed")
    assert enable(provider) == Rejected(None, "job_failed")


def test_throttled_enable_tells_how_long_to_wait(sandbox: Sandbox, provider: Provider) -> None:
    """The provider's Retry-After reaches the caller."""
    sandbox.fail_next("throttle", retry_after=7)
    assert enable(provider) == Throttled(7.0)
    assert operations(sandbox) == [Operation.ENABLE]


def test_throttled_enable_without_a_time_tells_none(sandbox: Sandbox, provider: Provider) -> None:
    """Where the provider names no time, none is made up."""
    sandbox.fail_next("throttle")
    assert enable(provider) == Throttled(None)


def test_service_unavailable_means_no_effect(sandbox: Sandbox, provider: Provider) -> None:
    """A 503 is a plain "not now"."""
    sandbox.fail_next("error", status=503, retry_after=3)
    assert enable(provider) == Unavailable("service_unavailable", 3.0)


def test_nobody_listening_means_no_effect() -> None:
    """A request that never left cannot have done anything."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        provider = Instantly(api_key="key", base_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert enable(provider) == Unavailable("not_reached")


@pytest.mark.parametrize(
    "failure",
    [
        Failure(kind=Kind.CUT),
        Failure(kind=Kind.CUT, mid_body=True),
        Failure(kind=Kind.NOT_JSON),
        Failure(kind=Kind.TRUNCATED),
        Failure(kind=Kind.ERROR, after_effect=True),
        Failure(kind=Kind.ERROR, status=502, after_effect=True),
        Failure(kind=Kind.REJECT, status=408, after_effect=True),
    ],
    ids=lambda failure: f"{failure.kind}-{failure.status or failure.mid_body}",
)
def test_lost_answer_to_an_enable_that_worked_is_found_warming(
    sandbox: Sandbox, provider: Provider, failure: Failure
) -> None:
    """The account tells what the lost answer would have told."""
    sandbox.script(failure)
    assert enable(provider) == AlreadyWarming()
    assert operations(sandbox) == [Operation.ENABLE, Operation.ACCOUNT]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure(kind=Kind.CUT, after_effect=False), "unanswered"),
        (Failure(kind=Kind.NOT_JSON, after_effect=False), "unreadable"),
        (Failure(kind=Kind.TRUNCATED, after_effect=False), "unreadable"),
        (Failure(kind=Kind.ERROR, status=500), "server_error"),
        (Failure(kind=Kind.ERROR, status=504), "server_error"),
        (Failure(kind=Kind.REJECT, status=408), "request_timeout"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Failure) else value,
)
def test_lost_answer_to_an_enable_without_effect_stays_unknown(
    sandbox: Sandbox, provider: Provider, failure: Failure, reason: str
) -> None:
    """A paused account does not prove that the request will never take effect."""
    sandbox.script(failure)
    assert enable(provider) == Unknown(reason)


def test_enable_that_hangs_past_its_time_is_judged_by_the_account(sandbox: Sandbox) -> None:
    """A timeout after the effect ends in success, and within the budget's two exchanges."""
    provider = provider_of(sandbox, timeout=0.2)
    sandbox.fail_next("hang", seconds=2, after_effect=True)
    assert enable(provider) == AlreadyWarming()


def test_unknown_with_an_unreadable_account_stays_unknown(sandbox: Sandbox, provider: Provider) -> None:
    """Two lost answers are no more than one."""
    sandbox.fail_next("cut")
    sandbox.fail_next("cut", on="account")
    assert enable(provider) == Unknown("unanswered")


def test_busy_provider_with_a_warming_account_is_success() -> None:
    """Retrying at once under the provider's job lock succeeds, since the account is read before judging."""
    with Sandbox(busy_for=60) as sandbox:
        provider = provider_of(sandbox)
        assert isinstance(enable(provider), Enabled)
        assert enable(provider) == AlreadyWarming()


def test_busy_provider_with_a_paused_account_stays_busy() -> None:
    """Under the lock of somebody else's job, an inbox that does not warm has to wait."""
    with Sandbox(busy_for=60) as sandbox:
        provider = provider_of(sandbox)
        enable(provider)
        assert enable(provider, BO) == Busy(None)
        assert sandbox.count(Operation.JOBS) == 0


def test_busy_answer_carries_the_time_to_wait(sandbox: Sandbox, provider: Provider) -> None:
    """Where the lock's 409 names a time, the caller hears it."""
    sandbox.fail_next("busy", retry_after=60)
    assert enable(provider) == Busy(60.0)


def test_batch_is_one_request_and_each_inbox_gets_its_answer(sandbox: Sandbox, provider: Provider) -> None:
    """Under a busy answer, each account of the batch is judged by itself."""
    sandbox.set_account(ANA, warmup_status=WarmupCode.ACTIVE)
    sandbox.set_account(BO)
    sandbox.fail_next("busy")
    answers = drive(provider.enable_warmup(mailboxes(ANA, BO)))
    assert answers == {InboxId(ANA): AlreadyWarming(), InboxId(BO): Busy(None)}
    assert sandbox.count(Operation.ENABLE) == 1


def test_inbox_banned_while_the_call_is_in_flight_is_read_as_banned(sandbox: Sandbox, provider: Provider) -> None:
    """A lost answer is judged by what the account says now, not by what was asked."""

    def ban(request: SandboxRequest) -> None:
        if request.operation is Operation.ENABLE:
            sandbox.set_account(ANA, warmup_status=WarmupCode.BANNED)

    sandbox.before_answer(ban)
    sandbox.fail_next("cut")
    assert enable(provider) == Unknown("unanswered")
    assert read(provider) is WarmupState.BANNED


def test_disable_stops_the_warmup(sandbox: Sandbox, provider: Provider) -> None:
    """A disable that is taken names its job, and the account stops."""
    enable(provider)
    answer = disable(provider)
    assert isinstance(answer, Disabled)
    assert answer.job_id
    assert not sandbox.warming(ANA)


@pytest.mark.parametrize("code", [WarmupCode.PAUSED, WarmupCode.BANNED, WarmupCode.SUSPENDED])
def test_lost_answer_to_a_disable_is_judged_by_the_account(
    sandbox: Sandbox, provider: Provider, code: WarmupCode
) -> None:
    """An account that surely does not warm is disabled, whatever became of the answer."""
    sandbox.set_account(ANA, warmup_status=code)
    sandbox.fail_next("cut", on="disable")
    assert disable(provider) == Disabled(None)


def test_busy_disable_of_a_warming_account_stays_busy(sandbox: Sandbox, provider: Provider) -> None:
    """A warming account is not disabled by hoping."""
    enable(provider)
    sandbox.fail_next("busy", on="disable")
    assert disable(provider) == Busy(None)
    assert sandbox.warming(ANA)


def test_disable_while_an_enable_is_pending_stays_busy() -> None:
    """A paused account that is about to warm is no "no"."""
    with Sandbox(job_seconds=60) as sandbox:
        provider = provider_of(sandbox)
        enable(provider)
        assert disable(provider) == Busy(None)


def test_disable_of_a_missing_account_is_done(provider: Provider) -> None:
    """What is gone does not warm."""
    assert disable(provider, BO) == Disabled(None)


def test_refused_disable_is_rejected(sandbox: Sandbox, provider: Provider) -> None:
    """A clear no to a disable is passed on like any other."""
    sandbox.fail_next("reject", status=402, on="disable")
    assert disable(provider) == Rejected(402, "payment_required")
