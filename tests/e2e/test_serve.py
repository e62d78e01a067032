"""`inbox-lifecycle serve` as it is run: a process of its own, on real PostgreSQL, against the sandbox."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import jwt
import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.client import Client
from inbox_lifecycle.errors import ProviderUnavailable, RetryRefused, Unauthorised, WarmupNotRecorded
from inbox_lifecycle.http.serving import LONGEST_HEAD
from inbox_lifecycle.store.roles import apply_grants
from inbox_lifecycle.testing import Sandbox
from tests.support.commands import ANA, Terminal
from tests.support.databases import Postgres, TestDatabase
from tests.support.proxy import Proxy
from tests.support.roles import a_role, as_role
from tests.support.served import PATIENCE, Answer, Server, ask_on, retrying, served

NOT_RECORDED = "Warmup was enabled but failed to update account status"
SECRET = "a-secret-of-thirty-two-characters-or-more"


@pytest.fixture
def terminal(tmp_path: Path, postgres_database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with PostgreSQL and the sandbox."""
    return Terminal(tmp_path, postgres_database, provider_sandbox)


def make_token(terminal: Terminal, owner: str = "acme") -> str:
    """A bearer token of an owner."""
    with terminal.inboxes() as inboxes:
        return inboxes.operator(actor="tess").create_api_key(owner_id=owner, label="tests").token


def curl(url: str, method: str, path: str, token: str) -> Answer:
    """The answer to a request that curl makes; by our own hands where there is no curl."""
    program = shutil.which("curl")
    if program is None:
        host = url.removeprefix("http://").partition("/")[0]
        port = int(host.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as raw:
            line = f"{method} /{url.removeprefix('http://').partition('/')[2]}{path} HTTP/1.1\r\nHost: {host}\r\n"
            raw.sendall(f"{line}Authorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode())
            said = raw.makefile("rb").read()
    else:
        command = [program, "--silent", "--include", "--request", method, "--config", "-", f"{url}{path}"]
        config = f'header = "Authorization: Bearer {token}"\n'
        said = subprocess.run(command, input=config.encode(), capture_output=True, check=True).stdout
    head, _, body = said.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    return Answer(int(status.split()[1]), dict(one.lower().split(": ", 1) for one in fields), body)


def test_it_serves_curl_and_the_shipped_client(terminal: Terminal, provider_sandbox: Sandbox) -> None:
    """A retry, its refusal, an account, somebody else's; it logs ids only, says nothing of itself, and ends with 0."""
    inbox, other, foreign = (
        terminal.register(address, owner=owner)
        for address, owner in ((ANA, "acme"), ("bea@mail.example.com", "acme"), ("eve@mail.example.com", "evil"))
    )
    token = make_token(terminal)
    with served(terminal) as server:
        path = f"/email/accounts/{inbox.id}/retry-warmup"
        moved, refused = curl(server.url, "PATCH", path, token), curl(server.url, "PATCH", path, token)
        unknown = curl(server.url, "GET", f"/email/accounts/{foreign.id}", token)
        with Client(server.url, token=token) as client:
            assert client.retry_warmup(other.id, correlation_id="ticket-7").status == "warming"
            with pytest.raises(RetryRefused):
                client.retry_warmup(other.id)
            assert [account.id for account in client.find().items] == [other.id, inbox.id]
            assert [event.name for event in client.history(other.id)] == ["inbox.registered", "inbox.warmup_started"]
        with (
            Client(server.url, token=token[:-1] + ("A" if token[-1] != "A" else "B")) as thief,
            pytest.raises(Unauthorised),
        ):
            thief.get(inbox.id)
        server.send(signal.SIGTERM)
        code = server.end()
    assert [moved.status, refused.status, unknown.status, code] == [200, 409, 404, 0]
    assert moved.document["account"]["warmup_status"] == "warming"
    assert [clause["field"] for clause in refused.document["verdict"]] == ["status", "warmup_status"]
    assert "server" not in moved.headers
    assert provider_sandbox.warming(ANA)
    lines = [line for line in server.log if line["logger"] == "inbox_lifecycle.http"]
    assert Counter(line["status"] for line in lines) == {200: 4, 409: 2, 404: 1, 401: 1}
    assert {line["inbox_id"] for line in lines if "inbox_id" in line} == {inbox.id, other.id, foreign.id}
    written = "\n".join(server.lines)
    assert [secret for secret in (token, ANA, provider_sandbox.api_key, "acme") if secret in written] == []


def said_to(server: Server, raw: bytes) -> bytes:
    """What is answered to these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(raw)
        with connection.makefile("rb") as stream:
            return stream.read()


def test_what_is_no_request_is_refused_and_never_repeated(terminal: Terminal) -> None:
    """Neither in the answer nor in the log, which stays one document a line; the server goes on."""
    token = make_token(terminal)
    bearer = f"Host: h\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n".encode()
    path = b"/api/email/accounts/zx-'%27%3bdrop%20table%20inboxes--%0d%0aX-Injected:%20zx"
    with served(terminal) as server:
        answers = [
            said_to(server, raw)
            for raw in (
                b"zx-garbage\r\n\r\n",
                b"GET /livez HTTP/1.1\r\nHost: h\r\nX-Long: zx-" + b"a" * LONGEST_HEAD,
                b"GET /livez HTTP/1.1\r\nHost: h\r\nX-Split: zx\x00zx\r\n\r\n",
                b"GET " + path + b" HTTP/1.1\r\n" + bearer + b"\r\n",
                b"PATCH " + path + b"/retry-warmup HTTP/1.1\r\n" + bearer + b"Content-Length: 99999\r\n\r\nzx-body",
            )
        ]
        assert server.ask("GET", "/livez").status == 200
        server.send(signal.SIGTERM)
        assert server.end() == 0
    assert [int(answer.split()[1]) for answer in answers] == [400, 400, 400, 422, 413]
    written = b"".join(answers).decode() + "".join(str(line) for line in server.log)
    assert "zx" not in written
    assert "Traceback" not in written


def test_of_a_thousand_requests_at_once_one_moves_the_inbox(terminal: Terminal) -> None:
    """Every other one is refused with its verdict, there is one event, and no attempt is left open."""
    inbox, token = terminal.register(), make_token(terminal)
    with served(terminal) as server:
        answers = server.ask_at_once([retrying(inbox)] * 1000, token)
        server.send(signal.SIGTERM)
        assert server.end() == 0
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 999}
    assert all(answer.document["verdict"] for answer in answers if answer.status == 409)
    assert terminal.standing(inbox) == ("warming / warming", 2, 2)
    outcomes = Counter(terminal.outcomes(inbox))
    assert (outcomes["moved"], outcomes[None], sum(outcomes.values())) == (1, 0, 1000)


def under_way(server: Server, sandbox: Sandbox, inboxes: list[Inbox], token: str) -> list[socket.socket]:
    """Connections on which retries are in flight, each of which the provider has been asked for."""
    connections, asked = [], threading.Semaphore(0)
    sandbox.before_answer(lambda _: asked.release())
    for inbox in inboxes:
        connection = socket.create_connection(("127.0.0.1", server.port))
        method, path = retrying(inbox)
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        connections.append(connection)
    assert all(asked.acquire(timeout=PATIENCE) for _ in inboxes)
    sandbox.before_answer(None)
    return connections


def heard(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """Status and document of the one answer on a connection, which the server closes after it."""
    with connection, connection.makefile("rb") as stream:
        head, _, body = stream.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_signal_lets_every_request_in_flight_finish(terminal: Terminal, provider_sandbox: Sandbox) -> None:
    """The provider is slow; meanwhile nobody new is let in, and who is connected hears that this server is ending."""
    inboxes = [terminal.register(f"box-{number}@mail.example.com") for number in range(20)]
    token = make_token(terminal)
    provider_sandbox.fail_next("hang", seconds=1.0, after_effect=True, times=len(inboxes))
    with served(terminal) as server:
        idle = server.connect()
        ready = ask_on(idle, "GET", "/readyz")
        connections = under_way(server, provider_sandbox, inboxes, token)
        server.send(signal.SIGTERM)
        server.wait_for("requests in flight: 20,")
        ending = ask_on(idle, "GET", "/readyz")
        answers = [heard(connection) for connection in connections]
        assert server.end() == 0
    assert (ready.status, ending.status, ending.headers["connection"]) == (200, 503, "close")
    assert "about to end" in ending.document["detail"]
    assert {status for status, _ in answers} == {200}
    assert all(terminal.outcomes(inbox) == ["moved"] for inbox in inboxes)
    with pytest.raises(ConnectionRefusedError):
        server.connect().connect()


def test_what_takes_too_long_is_cut_off_and_left_for_reconcile(terminal: Terminal, provider_sandbox: Sandbox) -> None:
    """The caller hears that nobody knows, the log says how many, the exit code is the signal's, and all is settled."""
    inbox, token = terminal.register(), make_token(terminal)
    provider_sandbox.fail_next("hang", seconds=30.0, after_effect=True)
    with served(terminal, "--drain", "1s") as server:
        (connection,) = under_way(server, provider_sandbox, [inbox], token)
        server.send(signal.SIGTERM)
        status, document = heard(connection)
        assert server.end() == 128 + signal.SIGTERM
    assert (status, document["type"]) == (502, "urn:inbox-lifecycle:problem:provider-outcome-unknown")
    assert "requests cut off after 1 s: 1;" in server.log[-1]["message"]
    settled(terminal, inbox)


@pytest.mark.parametrize("last", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_second_signal_ends_it_at_once_and_all_is_settled_later(
    terminal: Terminal, provider_sandbox: Sandbox, last: signal.Signals
) -> None:
    """As if it had been killed: the attempt is open, and `reconcile` asks the provider what became of it."""
    inbox, token = terminal.register(), make_token(terminal)
    provider_sandbox.fail_next("hang", seconds=30.0, after_effect=True)
    with served(terminal) as server:
        (connection,) = under_way(server, provider_sandbox, [inbox], token)
        if last is not signal.SIGKILL:
            server.send(signal.SIGTERM)
            server.wait_for("requests in flight: 1,")
        server.send(last)
        code = server.end()
        connection.close()
    assert code == (-last if last is signal.SIGKILL else 128 + last)
    settled(terminal, inbox)


def settled(terminal: Terminal, inbox: Inbox) -> None:
    """The attempt is open; once its lease is over, `reconcile` finds that the provider warms the inbox."""
    assert terminal.outcomes(inbox) == [None]
    assert terminal.database is not None
    terminal.database.expire_leases()
    assert terminal.run("reconcile").document["moved"] == 1
    assert terminal.standing(inbox) == ("warming / warming", 2, 2)


def test_a_provider_that_is_down_is_502(terminal: Terminal) -> None:
    """With the time after which to come again, in the client's words too."""
    inbox, token = terminal.register(), make_token(terminal)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        terminal.settings["INSTANTLY_BASE_URL"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with served(terminal) as server:
        answer = server.ask(*retrying(inbox), token)
        with Client(server.url, token=token) as client, pytest.raises(ProviderUnavailable) as failure:
            client.retry_warmup(inbox.id)
    assert (answer.status, int(answer.headers["retry-after"])) == (502, failure.value.retry_after)
    assert terminal.outcomes(inbox) == ["unavailable"] * 2


def test_a_database_that_is_down_is_503_and_the_provider_is_not_asked(
    terminal: Terminal, postgres: Postgres, provider_sandbox: Sandbox
) -> None:
    """Readiness says the same; both are well again once it is back."""
    inbox, token = terminal.register(), make_token(terminal)
    assert terminal.database is not None
    name = terminal.database.url.partition("@/")[2].partition("?")[0]
    with Proxy(Path(postgres.socket_folder) / ".s.PGSQL.5432") as proxy:
        terminal.settings["DATABASE_URL"] = proxy.url(name)
        with served(terminal) as server:
            assert server.ask("GET", "/readyz").status == 200
            proxy.refuse()
            down = [server.ask(*retrying(inbox), token).status, server.ask("GET", "/readyz").status]
            asked = provider_sandbox.requests
            proxy.resume()
            well = [server.ask("GET", "/readyz").status, server.ask(*retrying(inbox), token).status]
    assert (down, asked, well) == ([503, 503], (), [200, 200])


def test_a_write_that_fails_after_the_provider_accepted_is_the_500_of_the_contract(
    terminal: Terminal, postgres: Postgres, provider_sandbox: Sandbox
) -> None:
    """Its message is exact; the retry at once is a 200, for the second enable changes nothing."""
    inbox, token = terminal.register(), make_token(terminal)
    database = terminal.database
    assert database is not None
    with a_role(postgres, "writer") as role:
        apply_grants(database.url, role)
        terminal.settings["DATABASE_URL"] = as_role(database.url, role)
        taken = f"update (status, warmup_status, version, head_hash, updated_at) on {database.prefix}inboxes"
        with served(terminal) as server, Client(server.url, token=token) as client:

            def take(_request: object) -> None:
                database.execute(f'revoke {taken} from "{role}"')

            provider_sandbox.before_answer(take)
            failed = server.ask(*retrying(inbox), token)
            with pytest.raises(WarmupNotRecorded):
                client.retry_warmup(inbox.id)
            provider_sandbox.before_answer(None)
            apply_grants(database.url, role)
            assert client.retry_warmup(inbox.id).status == "warming"
            server.send(signal.SIGTERM)
            assert server.end() == 0
        database.execute(f'drop owned by "{role}"')
    assert (failed.status, failed.document["error"]) == (500, NOT_RECORDED)


def test_tokens_of_a_supabase_project_are_good_where_asked_for(terminal: Terminal) -> None:
    """Beside API keys; the owner is the user, and a token signed with another secret is nobody's."""
    inbox = terminal.register(owner="0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10")
    claims = {"sub": inbox.owner_id, "aud": "authenticated", "role": "authenticated", "exp": 2**33}
    good, bad = (jwt.encode(claims, secret, "HS256") for secret in (SECRET, SECRET[::-1]))
    terminal.settings["SUPABASE_JWT_SECRET"] = SECRET
    with served(terminal, "--auth", "supabase", "--auth", "api-keys", "--log-format", "text") as server:
        path = f"/api/email/accounts/{inbox.id}"
        answers = [server.ask("GET", path, token) for token in (good, bad, make_token(terminal))]
    assert [answer.status for answer in answers] == [200, 401, 404]
    assert SECRET not in "\n".join(server.lines)


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (("--auth", "supabase"), {}, "SUPABASE_JWT_SECRET"),
        (("--auth", "supabase"), {"SUPABASE_JWT_SECRET": "short"}, "SUPABASE_JWT_SECRET"),
        (("--prefix", "api"), {}, "--prefix"),
        (("--drain", "soon"), {}, "--drain"),
        ((), {"INSTANTLY_API_KEY": ""}, "INSTANTLY_API_KEY"),
    ],
)
def test_what_it_cannot_serve_with_is_wrong_usage(
    terminal: Terminal, arguments: tuple[str, ...], settings: dict[str, str], words: str
) -> None:
    """One line that says the cure, before anything listens."""
    terminal.settings |= settings
    ran = terminal.run("serve", "--port", "0", *arguments)
    assert (ran.code, words in ran.err) == (2, True)


def test_a_port_that_is_taken_is_wrong_usage(terminal: Terminal) -> None:
    """It says which."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = terminal.run("serve", "--port", str(port))
    assert (ran.code, f"port {port}" in ran.err) == (2, True)


def test_without_its_extra_it_says_what_to_install(terminal: Terminal) -> None:
    """One line, no traceback."""
    program = "import sys; sys.modules['uvicorn'] = None; from inbox_lifecycle.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve"]
    ran = subprocess.run(
        command, cwd=terminal.folder, env=terminal.environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1)
    assert "pip install 'inbox-lifecycle[http]'" in ran.stderr


def test_a_database_file_that_is_not_there_is_not_made(tmp_path: Path, provider_sandbox: Sandbox) -> None:
    """It is said, as by every other command."""
    ran = Terminal(tmp_path, sandbox=provider_sandbox).run("serve", "--port", "0")
    assert (ran.code, list(tmp_path.iterdir())) == (41, [])
