"""The server as `serve` starts it, in a process of its own: what it does with one real connection after another."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from inbox_lifecycle import Signer, verify_bundle
from inbox_lifecycle.testing import Sandbox
from tests.support.commands import ANA, Terminal
from tests.support.databases import TestDatabase
from tests.support.served import PATIENCE, Server, served


@pytest.fixture
def terminal(tmp_path: Path, postgres_database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with PostgreSQL and the sandbox."""
    return Terminal(tmp_path, postgres_database, provider_sandbox)


def exchange(server: Server, *lines: str, body: str = "") -> bytes:
    """What the server answers to these lines, up to where it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall("\r\n".join((*lines, "Host: x", "", body)).encode())
        return b"".join(iter(lambda: raw.recv(4096), b""))


def test_a_server_with_a_key_proves_and_its_log_cannot_be_filled(terminal: Terminal) -> None:
    """The key is the one of `prove`; an odd header is no line of its own; two framings at once close the connection."""
    inbox = terminal.register(ANA, owner="acme")
    with terminal.inboxes() as inboxes:
        token = inboxes.operator(actor="tess").create_api_key(owner_id="acme", label="tests").token
    signer = Signer.generate("log.example/inboxes")
    terminal.settings["INBOX_LIFECYCLE_SIGNING_KEY"] = signer.text
    with served(terminal) as server:
        proof = server.ask("GET", f"/api/email/accounts/{inbox.id}/proof", token)
        assert verify_bundle(proof.body.decode(), signer.verifier).inbox_id == inbox.id

        upgrade = ("Connection: close, upgrade", "Upgrade: websocket")
        assert b" 200 " in exchange(server, "GET /livez HTTP/1.1", *upgrade)
        server.wait_for("/livez")
        assert [line["logger"] for line in server.log if line["logger"].startswith("uvicorn")] == []

        both = ("POST /livez HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked")
        refused = exchange(server, *both, body="0\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert refused.count(b"HTTP/1.1 ") == 1
        assert b" 400 " in refused
        assert b'"about:blank"' in refused

        head = exchange(server, "HEAD /readyz HTTP/1.1", "Connection: close")
        assert (b" 200 " in head, b"content-type: application/json" in head) == (True, True)
        assert head.endswith(b"\r\n\r\n")


def test_a_server_takes_its_key_from_a_file_and_none_it_cannot_read(terminal: Terminal, tmp_path: Path) -> None:
    """A key that others could read is refused before it listens."""
    file = tmp_path / "log.key"
    file.write_text(Signer.generate("log.example/inboxes").text)
    file.chmod(0o644)
    with terminal.start("serve", "--port", "0", "--key", str(file)) as process:
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 10
    assert "listening" not in said
