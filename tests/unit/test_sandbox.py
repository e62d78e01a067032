"""The sandbox itself, as its users meet it: over HTTP and through its Python face."""

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest

from inbox_lifecycle.testing import Failure, Kind, Operation, Sandbox, SandboxRequest, WarmupCode

ANA = "ana@example.com"
ENABLE = "/api/v2/accounts/warmup/enable"
DISABLE = "/api/v2/accounts/warmup/disable"
ACCOUNT = "/api/v2/accounts/ana%40example.com"
JOBS = "/api/v2/background-jobs"

pytest_plugins = ["inbox_lifecycle.testing.plugin"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox as it comes."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A client with the right key."""
    with client_of(sandbox) as opened:
        yield opened


def client_of(sandbox: Sandbox) -> httpx.Client:
    """A client with the key of this sandbox."""
    return httpx.Client(base_url=sandbox.base_url, headers={"Authorization": f"Bearer {sandbox.api_key}"})


def enable(client: httpx.Client, *addresses: str) -> httpx.Response:
    """Ask the sandbox to enable these addresses, or the one we use."""
    return client.post(ENABLE, json={"emails": addresses or (ANA,)})


def test_enable_is_a_job_that_switches_the_account(sandbox: Sandbox, client: httpx.Client) -> None:
    """The answer names a pending job; by the next look it has done its work."""
    job = enable(client).json()
    assert (job["type"], job["status"]) == ("update-warmup-accounts", "pending")
    assert sandbox.warming(ANA)
    assert client.get(f"{JOBS}/{job['id']}").json()["status"] == "success"
    assert client.get(ACCOUNT).json()["warmup_status"] == 1


def test_disable_pauses_the_account(sandbox: Sandbox, client: httpx.Client) -> None:
    """What was enabled can be disabled."""
    enable(client)
    client.post(DISABLE, json={"emails": [ANA]})
    assert not sandbox.warming(ANA)


def test_wrong_key_is_refused_in_the_documented_shape(sandbox: Sandbox) -> None:
    """A wrong key gets the error body that every error has, and leaves no trace."""
    answer = httpx.get(f"{sandbox.base_url}{ACCOUNT}", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.json() == {"statusCode": 401, "error": "Unauthorized", "message": "Invalid API key"}
    assert sandbox.requests == ()


def test_user_agent_of_the_standard_library_is_refused(sandbox: Sandbox) -> None:
    """The edge turns away bare HTTP libraries, whatever their key."""
    request = urllib.request.Request(  # noqa: S310 - the scheme is ours
        f"{sandbox.base_url}{ACCOUNT}", headers={"Authorization": f"Bearer {sandbox.api_key}"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)  # noqa: S310 - as above
    with refused.value:
        assert refused.value.code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("body", [{}, {"emails": []}, {"emails": "ana"}, {"emails": [ANA] * 101}])
def test_body_without_one_to_a_hundred_addresses_is_refused(client: httpx.Client, body: dict[str, object]) -> None:
    """The limit of a batch is kept, and an empty one is not taken for everybody."""
    assert client.post(ENABLE, json=body).status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("path", ["/", "/api/v2/nothing", "/api/v2/accounts/a/b", f"{JOBS}/none"])
def test_unknown_path_is_not_found(client: httpx.Client, path: str) -> None:
    """What the sandbox does not speak it says so."""
    assert client.get(path).status_code == HTTPStatus.NOT_FOUND


def test_unknown_address_is_not_found_where_asked_for() -> None:
    """With `accept_unknown=False`, addresses and campaigns must be made first."""
    with Sandbox(accept_unknown=False) as sandbox, client_of(sandbox) as client:
        assert enable(client).status_code == HTTPStatus.NOT_FOUND
        assert client.get(ACCOUNT).status_code == HTTPStatus.NOT_FOUND
        assert client.post("/api/v2/campaigns/c/activate").status_code == HTTPStatus.NOT_FOUND
        sandbox.set_account(ANA)
        assert enable(client).status_code == HTTPStatus.OK


def test_workspace_is_locked_while_a_job_runs_and_after() -> None:
    """The undocumented 409 comes from the job's start until `busy_for` seconds after its end."""
    now = [0.0]
    with Sandbox(job_seconds=10, busy_for=5, clock=lambda: now[0]) as sandbox, client_of(sandbox) as client:
        enable(client)
        statuses = []
        for instant in (9.0, 11.0, 14.0, 15.0):
            now[0] = instant
            statuses.append((sandbox.warming(ANA), enable(client, "bo@example.com").status_code))
        assert statuses == [(False, 409), (True, 409), (True, 409), (True, 200)]


def test_job_list_is_filtered_by_type_status_and_limit() -> None:
    """Only jobs that were asked for are listed, the newest first."""
    with Sandbox(job_seconds=0) as sandbox, client_of(sandbox) as client:
        first, second = enable(client).json()["id"], enable(client).json()["id"]
        sandbox.fail_next("job_pending")
        third = enable(client).json()["id"]

        def listed(query: str) -> list[str]:
            return [job["id"] for job in client.get(f"{JOBS}?{query}").json()["items"]]

        assert listed("type=update-warmup-accounts&status=pending,in-progress") == [third]
        assert listed("status=success") == [second, first]
        assert listed("limit=2") == [third, second]
        assert listed("type=move-leads") == []


def test_job_that_fails_later_leaves_the_account_paused(sandbox: Sandbox, client: httpx.Client) -> None:
    """The answer is good and nothing comes of it."""
    sandbox.fail_next("job_fails")
    job = enable(client).json()
    assert job["status"] == "pending"
    assert client.get(f"{JOBS}/{job['id']}").json()["status"] == "failed"
    assert not sandbox.warming(ANA)


def test_banned_account_cannot_be_warmed(sandbox: Sandbox, client: httpx.Client) -> None:
    """The job is taken, and the ban stays."""
    sandbox.fail_next("banned")
    assert enable(client).status_code == HTTPStatus.OK
    account = sandbox.account(ANA)
    assert account is not None
    assert account.warmup_status == WarmupCode.BANNED


def test_account_warms_already_under_another_failure(sandbox: Sandbox, client: httpx.Client) -> None:
    """A failure that describes the account is spent by the first request that names it."""
    sandbox.fail_next("already_warming", on="account")
    assert client.get(ACCOUNT).json()["warmup_status"] == 1


def test_failures_are_spent_in_order_and_by_fit(sandbox: Sandbox, client: httpx.Client) -> None:
    """Each request takes the oldest failure that fits its operation and its addresses."""
    sandbox.script(
        Failure(kind=Kind.REJECT, status=402, email="bo@example.com"),
        Failure(kind=Kind.SERVE),
        Failure(kind=Kind.THROTTLE, times=2),
        Failure(kind=Kind.ERROR, on=Operation.DISABLE),
    )
    statuses = [enable(client).status_code for _ in range(4)]
    assert statuses == [200, 429, 429, 200]
    assert enable(client, "Bo@example.com").status_code == HTTPStatus.PAYMENT_REQUIRED


def test_failures_are_ordered_over_http(sandbox: Sandbox, client: httpx.Client) -> None:
    """The sandbox standing alone takes its orders by POST, and forgets them by DELETE."""
    order = {"kind": "throttle", "times": 2, "retry_after": 9}
    assert client.post("/sandbox/failures", json=order).json() == {"ordered": 2}
    answer = enable(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "9")
    assert client.delete("/sandbox/failures").json() == {"ordered": 0}
    assert enable(client).status_code == HTTPStatus.OK
    assert sandbox.enable_calls(ANA) == 2


@pytest.mark.parametrize("order", [{}, {"kind": "nonsense"}, {"kind": "cut", "tims": 2}])
def test_order_that_makes_no_sense_is_refused(sandbox: Sandbox, client: httpx.Client, order: dict[str, object]) -> None:
    """A misspelt order is told, not ignored."""
    assert client.post("/sandbox/failures", json=order).status_code == HTTPStatus.BAD_REQUEST
    assert enable(client).status_code == HTTPStatus.OK
    assert sandbox.warming(ANA)


def test_orders_take_no_other_method(client: httpx.Client) -> None:
    """Orders cannot be read back."""
    assert client.get("/sandbox/failures").status_code == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize(("kind", "warms"), [("cut", True), ("not_json", True), ("truncated", True), ("error", False)])
def test_kind_of_failure_decides_whether_there_was_an_effect(
    sandbox: Sandbox, client: httpx.Client, kind: str, *, warms: bool
) -> None:
    """A spoilt answer hides an effect, a refusal has none."""
    sandbox.fail_next(kind)
    try:
        enable(client)
    except httpx.RemoteProtocolError:
        assert kind == "cut"
    assert sandbox.warming(ANA) is warms


def test_cut_in_mid_body_breaks_the_promised_length(sandbox: Sandbox, client: httpx.Client) -> None:
    """The headers promise more than comes."""
    sandbox.fail_next("cut", mid_body=True)
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        enable(client)
    assert enable(client).status_code == HTTPStatus.OK


def test_hang_before_the_effect_makes_a_straggler(sandbox: Sandbox, client: httpx.Client) -> None:
    """The client gave up, and the effect comes all the same."""
    answering = threading.Event()
    sandbox.before_answer(lambda request: answering.set() if request.operation is Operation.ENABLE else None)
    sandbox.fail_next("hang", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        client.post(ENABLE, json={"emails": [ANA]}, timeout=0.05)
    assert not sandbox.warming(ANA)
    assert answering.wait(5)
    assert sandbox.warming(ANA)


def test_callback_sees_the_effect_before_the_client_does(sandbox: Sandbox, client: httpx.Client) -> None:
    """The hook runs between effect and answer, and may use the sandbox."""
    seen: list[tuple[SandboxRequest, bool]] = []
    sandbox.before_answer(lambda request: seen.append((request, sandbox.warming(ANA))))
    enable(client)
    assert seen == [(SandboxRequest("POST", ENABLE, Operation.ENABLE, (ANA,)), True)]
    sandbox.before_answer(None)
    enable(client)
    assert len(seen) == 1


def test_error_in_a_callback_is_raised_at_the_end() -> None:
    """A hook that fails does so loudly, in the thread that can hear it."""

    def fail(request: SandboxRequest) -> None:
        raise LookupError(request.path)

    sandbox = Sandbox().start()
    with client_of(sandbox) as client:
        sandbox.before_answer(fail)
        with pytest.raises(httpx.RemoteProtocolError):
            enable(client)
    with pytest.raises(LookupError):
        sandbox.close()


def test_requests_are_told_by_path_template_and_address(sandbox: Sandbox, client: httpx.Client) -> None:
    """What was asked can be looked at and counted."""
    enable(client, ANA, "bo@example.com")
    client.get(ACCOUNT)
    assert [(request.method, request.path) for request in sandbox.requests] == [
        ("POST", ENABLE),
        ("GET", "/api/v2/accounts/{email}"),
    ]
    assert sandbox.enable_calls("ANA@example.com") == 1
    assert sandbox.count("account") == 1


def test_analytics_hold_measured_accounts_only(sandbox: Sandbox, client: httpx.Client) -> None:
    """A new account is absent, as it is with the provider."""
    sandbox.set_account(ANA, total_sent=200, total_received=90, landed_spam=20, daily={"2026-02-01": (10, 4)})
    emails = {"emails": [ANA, "bo@example.com"]}
    body = client.post("/api/v2/accounts/warmup-analytics", json=emails).json()
    assert list(body["aggregate_data"]) == [ANA]
    assert body["aggregate_data"][ANA]["health_score_label"] == "90%"
    assert body["email_date_data"][ANA]["2026-02-01"]["received"] == 4


def test_many_clients_at_once_are_all_served_and_counted(sandbox: Sandbox) -> None:
    """Requests from many threads lose nothing."""

    def work() -> None:
        with client_of(sandbox) as client:
            for _ in range(10):
                enable(client)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sandbox.enable_calls(ANA) == 160


def test_closing_breaks_off_what_hangs_and_leaves_no_thread() -> None:
    """A test that ends early waits for nobody."""
    before = threading.active_count()
    arrived = threading.Event()
    with Sandbox() as sandbox, client_of(sandbox) as idle:
        enable(idle)
        sandbox.before_answer(lambda _: arrived.set())
        sandbox.fail_next("hang", seconds=60, after_effect=True)

        def wait_for_ever() -> None:
            with client_of(sandbox) as client, pytest.raises(httpx.TransportError):
                client.post(ENABLE, json={"emails": [ANA]}, timeout=60)

        waiting = threading.Thread(target=wait_for_ever)
        waiting.start()
        assert arrived.wait(5)
    waiting.join(5)
    assert threading.active_count() == before


def test_sandbox_that_does_not_run_says_so() -> None:
    """The cure stands in the message, and closing twice is no error."""
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="with statement"):
        _ = sandbox.base_url
    sandbox.close()


def test_delay_comes_before_every_answer() -> None:
    """A slow provider is slow for everybody."""
    with Sandbox(delay=0.2) as sandbox, client_of(sandbox) as client, pytest.raises(httpx.ReadTimeout):
        client.get(ACCOUNT, timeout=0.05)


def test_fixture_gives_a_running_sandbox(provider_sandbox: Sandbox) -> None:
    """The plugin's fixture is ready for use."""
    with client_of(provider_sandbox) as client:
        assert enable(client).status_code == HTTPStatus.OK


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stand_alone_sandbox_says_where_it_is_and_stops_on_a_signal(number: signal.Signals) -> None:
    """The command prints the base URL and the key, serves, and ends cleanly."""
    script = "from inbox_lifecycle.testing import serve; serve(api_key='key-1', say=lambda s: print(s, flush=True))"
    command = [sys.executable, "-X", "dev", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as run:
        assert run.stdout is not None
        base_url = run.stdout.readline().split()[-1]
        assert run.stdout.readline().split()[-1] == "key-1"
        answer = httpx.get(f"{base_url}{ACCOUNT}", headers={"Authorization": "Bearer key-1"})
        assert answer.status_code == HTTPStatus.OK
        run.send_signal(number)
        _, errors = run.communicate(timeout=10)
        assert (run.returncode, errors) == (0, "")
