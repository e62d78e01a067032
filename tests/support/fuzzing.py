"""Schemathesis, as its users run it: a process of its own that reads the OpenAPI document of a server and tries it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inbox_lifecycle import Signer
from inbox_lifecycle.http import create_app
from inbox_lifecycle.http.draining import Draining
from inbox_lifecycle.http.logs import RequestLog
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import ACTIVE, BANNED, OWNER, STRANGER, adopted, born, warming
from tests.support.faces import AnyFace
from tests.support.hosting import DRAFT, EMPTY, RUNNING, STRANGERS_TOKEN, TOKEN, Host
from tests.support.serving import Application, Web

#: Seconds after which a run has gone astray.
PATIENCE = 1500

#: Inboxes that a retry moves, and those of each other state.
PENDING_ONES, OTHERS = 6, (ACTIVE, BANNED)

# Warnings are findings too: they say that something could not be tried.
CONFIGURATION = """
continue-on-failure = true

[generation]
deterministic = true
max-examples = {examples}

[warnings]
fail-on = true

# Failures of the provider are ordered, and documented.
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 502]

[dictionaries]
accounts = {{ values = {accounts} }}
campaigns = {{ values = {campaigns} }}

[[operations]]
include-tag = "accounts"
parameters = {{ "path.id" = {{ dictionary = "accounts", probability = 0.5 }} }}

[[operations]]
include-tag = "campaigns"
parameters = {{ "path.id" = {{ dictionary = "campaigns", probability = 0.8 }} }}
# A campaign that is no draft, or has no senders, is refused so by the original API.
checks = {{ positive_data_acceptance = {{ expected-statuses = ["2xx", 400, 401, 404, 409] }} }}

[auth.wfc]
path = "callers.json"
peers = ["ana", "mallory"]
"""


@dataclass(frozen=True)
class Found:
    """What a run said."""

    code: int
    text: str

    @property
    def cases(self) -> int:
        """Requests that were made of the document, and held against it."""
        (line,) = (line for line in self.text.splitlines() if " generated, " in line)
        return int(line.split()[0].replace(",", ""))


def run_schemathesis(folder: Path, url: str, accounts: Sequence[str], examples: int, phases: str) -> Found:
    """Let it try the API behind this URL."""
    callers = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}
        for name, token in (("ana", TOKEN), ("mallory", STRANGERS_TOKEN))
    ]
    (folder / "callers.json").write_text(json.dumps({"auth": callers}))
    settings = CONFIGURATION.format(
        examples=examples, accounts=json.dumps(accounts), campaigns=json.dumps([DRAFT, RUNNING, EMPTY])
    )
    (folder / "schemathesis.toml").write_text(settings)
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", "schemathesis.toml", "run"]
    options = ["--checks", "all", "--phases", phases, "--no-color"]
    ran = subprocess.run(
        [*command, f"{url}/openapi.json", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return Found(ran.returncode, ran.stdout + ran.stderr)


def populate(face: AnyFace, host: Host) -> list[str]:
    """Inboxes in each state, of the owner and of somebody else, and the senders of a campaign; the ids of all."""
    inboxes = [born(face, f"box-{number}@mail.example.com") for number in range(PENDING_ONES)]
    inboxes += [adopted(face, pair, f"{pair.status}@mail.example.com") for pair in OTHERS]
    inboxes.append(warming(face))
    inboxes.append(face.register(email_address="eve@mail.example.com", owner_id=STRANGER))
    host.senders = [inbox.id for inbox in inboxes if inbox.status == "active"]
    assert {inbox.owner_id for inbox in inboxes} == {OWNER, STRANGER}
    return [inbox.id for inbox in inboxes]


def try_everything(make: MakeFace, web: Web, sandbox: Sandbox, folder: Path, *, examples: int, phases: str) -> Found:
    """Serve everything there is as `serve` serves it, before a provider that fails at times, and have it tried."""
    face, host = make(signer=Signer.generate("log.example.com/fuzzed")), Host()
    accounts = populate(face, host)
    for failure in ("throttle", "reject", "error"):
        sandbox.fail_next(failure)
    app: Application = create_app(face.target, authenticate=host.authenticate, senders_of=host.senders_of)
    with web.serving(RequestLog(Draining(app, most=100))) as url:
        return run_schemathesis(folder, url, accounts, examples, phases)
