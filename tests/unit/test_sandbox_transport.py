"""The sandbox without a socket: what a caller hears is what its server would have told, and nothing is waited for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest

from inbox_lifecycle import AsyncInboxes, Inboxes, ProviderOutcomeUnknown, ProviderThrottled
from inbox_lifecycle.drivers.network import send, send_async
from inbox_lifecycle.flow import Send, Unanswered, Unsent
from inbox_lifecycle.testing import Failure, Kind, Operation, Sandbox, SandboxRequest, SandboxTransport, respond
from tests.support.databases import TestDatabase

ANA = "ana@example.com"
KEY = "sandbox-key"
ENABLE = "/api/v2/accounts/warmup/enable"
ACCOUNT = "/api/v2/accounts/ana%40example.com"

#: Every way to fail that does not wait, and the ones that have a choice both ways.
FAILURES = [
    *(Failure(kind=kind) for kind in Kind if kind is not Kind.HANG),
    Failure(kind=Kind.REJECT, status=402),
    Failure(kind=Kind.ERROR, status=503, retry_after="Fri, 01 Jan 2100 00:00:00 GMT"),
    Failure(kind=Kind.THROTTLE, retry_after=7),
    Failure(kind=Kind.CUT, after_effect=False),
    Failure(kind=Kind.CUT, mid_body=True),
    Failure(kind=Kind.ERROR, after_effect=True),
]

#: Header fields that say which server spoke, and when.
NOT_COMPARED = {"date", "server"}


class Clock:
    """Seconds that go on when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now

    def move(self, seconds: float) -> None:
        """Let time go on."""
        self.now += seconds


def request(base_url: str, *, key: str = KEY, path: str = ENABLE) -> httpx.Request:
    """A request to enable the address, or to read what is there."""
    headers = {"Authorization": f"Bearer {key}", "User-Agent": "a-test"}
    body = {"emails": [ANA]} if path == ENABLE else None
    return httpx.Request("POST" if body else "GET", f"{base_url}{path}", headers=headers, json=body)


def told(hear: Callable[[], httpx.Response]) -> object:
    """What a caller hears, as a value to compare: an answer, or the name of the trouble."""
    try:
        response = hear()
    except (Unsent, Unanswered) as trouble:
        return type(trouble), str(trouble)
    headers = {name: value for name, value in response.headers.items() if name not in NOT_COMPARED}
    # Ids and times differ from one sandbox to the next, their lengths do not.
    return response.status_code, headers, len(response.content), "date" in response.headers


def wait_until(holds: Callable[[], bool]) -> None:
    """Look again and again, for ten seconds at most."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


@pytest.fixture
def sandbox() -> Sandbox:
    """A sandbox that is not started."""
    return Sandbox(api_key=KEY)


@pytest.fixture
def served() -> Iterator[Sandbox]:
    """A sandbox that is."""
    with Sandbox(api_key=KEY) as running:
        yield running


@pytest.fixture
def network() -> Iterator[httpx.HTTPTransport]:
    """Real sockets."""
    with httpx.HTTPTransport() as transport:
        yield transport


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_caller_hears_the_same_with_and_without_a_socket(
    failure: Failure, mode: str, sandbox: Sandbox, served: Sandbox, network: httpx.HTTPTransport
) -> None:
    """Status, headers, body and the name of any trouble are alike, and so is the effect."""
    for each in (sandbox, served):
        each.script(failure)
    transport = sandbox.transport()
    step = Send(request(transport.base_url), 5.0)
    here = told(lambda: send(transport, step) if mode == "sync" else asyncio.run(send_async(transport, step)))
    there = told(lambda: send(network, Send(request(served.base_url), 5.0)))
    assert here == there
    assert sandbox.warming(ANA) is served.warming(ANA)
    assert sandbox.requests == served.requests


@pytest.mark.parametrize(("key", "path"), [("wrong", ENABLE), (KEY, "/nowhere"), (KEY, ACCOUNT)])
def test_doors_and_paths_are_those_of_the_server(
    key: str, path: str, sandbox: Sandbox, served: Sandbox, network: httpx.HTTPTransport
) -> None:
    """A wrong key, an unknown path and an escaped address get the server's answers."""
    transport = sandbox.transport()
    here = told(lambda: send(transport, Send(request(transport.base_url, key=key, path=path), 5.0)))
    assert here == told(lambda: send(network, Send(request(served.base_url, key=key, path=path), 5.0)))


@pytest.mark.parametrize("late", [False, True])
def test_a_hang_beyond_the_timeout_is_a_read_timeout_and_no_time_passes(late: bool) -> None:  # noqa: FBT001 - a parameter
    """With a clock and a sleep of one's own nothing waits; an effect still to come comes when the clock gets there."""
    clock = Clock()
    sandbox = Sandbox(clock=clock, api_key=KEY)
    sandbox.fail_next("hang", seconds=3600, after_effect=late)
    with pytest.raises(Unanswered, match="ReadTimeout"):
        send(sandbox.transport(sleep=clock.move), Send(request("http://any.invalid"), 20.0))
    assert clock.now == 20.0
    assert sandbox.warming(ANA) is late
    clock.move(3579.9)
    assert sandbox.warming(ANA) is late
    clock.move(0.1)
    assert sandbox.warming(ANA)
    assert sandbox.enable_calls(ANA) == 1


def test_a_hang_within_the_timeout_is_waited_for_with_the_sleep_given() -> None:
    """The good answer comes, after exactly the seconds ordered, those of every answer included."""
    waited: list[float] = []
    sandbox = Sandbox(delay=2.0, api_key=KEY)
    sandbox.fail_next("hang", seconds=3.0)
    answer = send(sandbox.transport(sleep=waited.append), Send(request("http://any.invalid"), 20.0))
    assert (answer.status_code, waited) == (200, [2.0, 3.0])


def test_delay_and_hang_use_up_one_timeout() -> None:
    """The read timeout is for the answer as a whole: what the delay took the hang lacks."""
    clock = Clock()
    sandbox = Sandbox(delay=2.0, clock=clock, api_key=KEY)
    sandbox.fail_next("hang", seconds=3.0)
    with pytest.raises(Unanswered, match="ReadTimeout"):
        send(sandbox.transport(sleep=clock.move), Send(request("http://any.invalid"), 4.0))
    assert (clock.now, sandbox.warming(ANA)) == (4.0, False)
    clock.move(1.0)
    assert sandbox.warming(ANA)


def test_a_request_left_behind_in_the_delay_is_seen_when_its_time_comes() -> None:
    """It reaches the sandbox after the delay, hang of its own included, though nobody waits any more."""
    clock = Clock()
    sandbox = Sandbox(delay=5.0, clock=clock, api_key=KEY)
    sandbox.fail_next("hang", seconds=3.0)
    with pytest.raises(Unanswered):
        send(sandbox.transport(sleep=clock.move), Send(request("http://any.invalid"), 1.0))
    assert sandbox.enable_calls(ANA) == 0
    clock.move(4.0)
    assert (sandbox.enable_calls(ANA), sandbox.warming(ANA)) == (1, False)
    clock.move(3.0)
    assert (sandbox.enable_calls(ANA), sandbox.warming(ANA)) == (1, True)


def test_stragglers_have_their_effects_in_the_order_of_their_instants() -> None:
    """An enable that is still under way when a disable is answered wins over it, as at the provider."""
    clock = Clock()
    sandbox = Sandbox(clock=clock, api_key=KEY)
    transport = sandbox.transport(sleep=clock.move)
    disable = httpx.Request(
        "POST", f"{transport.base_url}{ENABLE.replace('enable', 'disable')}", json={"emails": [ANA]}
    )
    disable.headers.update(request("http://any.invalid").headers)
    for seconds, step in ((20, Send(request("http://any.invalid"), 1.0)), (10, Send(disable, 1.0))):
        sandbox.fail_next("hang", seconds=seconds, on="enable" if seconds == 20 else "disable")
        with pytest.raises(Unanswered):
            send(transport, step)
    clock.move(60)
    assert sandbox.warming(ANA)


def test_a_cancelled_task_leaves_its_request_to_the_sandbox() -> None:
    """Cancelling ends the waiting, not what the provider does."""
    clock = Clock()
    sandbox = Sandbox(clock=clock, api_key=KEY)
    sandbox.fail_next("hang", seconds=60)

    async def give_up() -> None:
        async with asyncio.timeout(0.01):
            await sandbox.transport().handle_async_request(request("http://any.invalid"))

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert (sandbox.enable_calls(ANA), sandbox.warming(ANA)) == (1, False)
    clock.move(60)
    assert sandbox.warming(ANA)


def test_without_a_sleep_a_hang_takes_real_seconds_and_its_effect_comes_after_them(sandbox: Sandbox) -> None:
    """As with the server: the caller gives up after its timeout, and the effect is there when its time has come."""
    sandbox.fail_next("hang", seconds=0.2)
    began = time.monotonic()
    with httpx.Client(transport=sandbox.transport(), timeout=0.05) as client, pytest.raises(httpx.ReadTimeout):
        client.send(request("http://any.invalid"))
    assert time.monotonic() - began >= 0.05
    wait_until(lambda: sandbox.warming(ANA))
    assert time.monotonic() - began >= 0.2


def test_an_error_in_a_callback_is_raised_in_the_caller(sandbox: Sandbox) -> None:
    """No server stands between, so nobody has to wait for `close` to hear it."""

    def fail(asked: SandboxRequest) -> None:
        raise LookupError(asked.operation)

    sandbox.before_answer(fail)
    with pytest.raises(LookupError, match="enable"):
        send(sandbox.transport(), Send(request("http://any.invalid"), 5.0))


def test_respond_gives_the_whole_answer_or_raises_what_httpx_would(sandbox: Sandbox) -> None:
    """For those who bring one request of their own."""
    answer = respond(sandbox, request("http://any.invalid"))
    assert (answer.status_code, answer.json()["type"]) == (200, "update-warmup-accounts")
    for mid_body in (False, True):
        sandbox.fail_next("cut", mid_body=mid_body)
        with pytest.raises(httpx.RemoteProtocolError):
            respond(sandbox, request("http://any.invalid"))


def test_a_started_sandbox_may_be_asked_both_ways(served: Sandbox, network: httpx.HTTPTransport) -> None:
    """It is one workspace, however it is reached."""
    send(network, Send(request(served.base_url), 5.0))
    transport = served.transport()
    account = send(transport, Send(request(transport.base_url, path=ACCOUNT), 5.0))
    assert account.json()["warmup_status"] == 1


def test_httpx_clients_take_the_transport(sandbox: Sandbox) -> None:
    """Sync and async, as any other transport of httpx's."""
    transport = SandboxTransport(sandbox)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.send(request(transport.base_url))

    with httpx.Client(transport=transport) as client:
        assert client.send(request(transport.base_url)).json()["status"] == "pending"
    assert asyncio.run(ask()).json()["status"] == "pending"
    assert sandbox.count(Operation.ENABLE) == 2


def test_many_threads_are_all_answered_and_counted() -> None:
    """Requests from many threads lose nothing, stragglers among them."""
    clock = Clock()
    sandbox = Sandbox(clock=clock, api_key=KEY)
    effects: list[SandboxRequest] = []
    sandbox.before_answer(effects.append)
    sandbox.fail_next("hang", seconds=9, times=40)
    transport = sandbox.transport(sleep=lambda _: None)

    def work() -> None:
        for _ in range(10):
            with suppress(Unanswered):
                send(transport, Send(request(transport.base_url), 5.0))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sandbox.enable_calls(ANA), len(effects)) == (80, 40)
    clock.move(9)
    assert sandbox.warming(ANA)
    assert len(effects) == 80


def test_facades_move_inboxes_through_the_transport(database: TestDatabase, sandbox: Sandbox) -> None:
    """The sync facade hears a throttle and then a yes; the inbox and the sandbox's account agree."""
    transport = sandbox.transport()
    with Inboxes(database.url, provider=transport.provider(), transport=transport) as inboxes:
        inbox = inboxes.register(email_address=ANA, owner_id="owner-1")
        sandbox.fail_next("throttle", retry_after=30)
        with pytest.raises(ProviderThrottled) as throttled:
            inboxes.retry_warmup(inbox.id, owner_id="owner-1")
        assert throttled.value.retry_after == 30
        assert inboxes.retry_warmup(inbox.id, owner_id="owner-1").status == "warming"
    assert sandbox.warming(ANA)


def test_async_facades_take_the_same_transport(database: TestDatabase, sandbox: Sandbox) -> None:
    """A cut before the effect leaves the outcome unknown; the next call has the effect."""
    transport = sandbox.transport()

    async def play() -> str:
        async with AsyncInboxes(database.url, provider=transport.provider(), transport=transport) as inboxes:
            inbox = await inboxes.register(email_address=ANA, owner_id="owner-1")
            sandbox.fail_next("cut", after_effect=False)
            with pytest.raises(ProviderOutcomeUnknown):
                await inboxes.retry_warmup(inbox.id, owner_id="owner-1")
            return (await inboxes.retry_warmup(inbox.id, owner_id="owner-1")).status

    assert asyncio.run(play()) == "warming"
