"""The script for auditors, in an environment that has Python and an Ed25519 verifier and nothing of ours."""

from __future__ import annotations

import ast
import itertools
import json
import subprocess
import sys
import sysconfig
import venv
from base64 import b64encode
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

import pytest

from inbox_lifecycle import Inboxes, Signer, Verifier, audit_context, verify_bundle
from tests.support import mutations
from tests.support.bundling import ODD, SCRIPT, holds
from tests.support.commands import ANA, PATIENCE, Ran
from tests.support.databases import TestDatabase
from tests.support.faces import Face
from tests.support.feeding import led
from tests.support.noting import LOG, OTHER_KEY

#: What it may use beside the standard library: the verifier, and what that is made of.
PACKAGES = ("cryptography", "cffi", "pycparser")

#: Reads bundles from standard input, and prints for each whether the script takes it; no start of Python for each.
_VERDICTS = """
import importlib.util, json, sys
from base64 import b64decode
spec = importlib.util.spec_from_file_location("script", sys.argv[1])
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
key = script.read_key(sys.argv[2])
def holds(bundle):
    try:
        script.verify(b64decode(bundle).decode(), key)
    except Exception:
        return False
    return True
print(json.dumps([holds(bundle) for bundle in json.load(sys.stdin)]))
"""


@dataclass(frozen=True)
class Auditor:
    """Somebody with a machine of their own: the script, a bundle, and the log's public key."""

    home: Path

    def python(self, *arguments: str | Path, given: str = "") -> Ran:
        """Run Python, with nothing around it."""
        ran = subprocess.run(
            [self.home / "bin" / "python", "-I", *arguments],
            cwd=self.home,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def verify(self, bundle: bytes, key: str = LOG.verifier_text) -> Ran:
        """Run the script."""
        file = self.home / "bundle"
        file.write_bytes(bundle)
        return self.python(SCRIPT, file, key)


@pytest.fixture(scope="module")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """A clean environment, with the verifier's packages and no other."""
    home = tmp_path_factory.mktemp("auditor")
    venv.create(home, with_pip=False)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))
    for name in {file.parts[0] for package in PACKAGES for file in files(package) or ()} - {".."}:
        (packages / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
    return Auditor(home)


@pytest.fixture
def bundle(database: TestDatabase) -> bytes:
    """A bundle of an inbox of three events among others, from SQLite and again from PostgreSQL."""
    with Inboxes(database.url, signer=Signer.from_text(LOG.signer_text)) as inboxes:
        led(Face(inboxes), "bea", 3)
        with audit_context(actor="zoe", reason=ODD, correlation_id="r-1"):
            inbox = inboxes.register(email_address=ANA, owner_id="acme", provider="instantly")
            operator = inboxes.operator(actor="olga")
            operator.correct(inbox.id, status="active", warmup_status="active", reason=ODD)
            operator.ban(inbox.id)
        led(Face(inboxes), "cleo", 2)
        return inboxes.prove(inbox.id, owner_id="acme").text().encode()


def test_the_auditors_environment_has_nothing_of_ours(auditor: Auditor) -> None:
    """Neither the library, nor what it is made of; and it is not the tests' own."""
    program = "import importlib.util, sys; print([importlib.util.find_spec(name) for name in sys.argv[1:]])"
    ran = auditor.python("-c", program, "inbox_lifecycle", "msgspec", "sqlalchemy", "transitions", "rfc8785", "pytest")
    assert (ran.code, ran.out) == (0, f"{[None] * 6}\n")
    assert auditor.python("-c", "import cryptography").code == 0


def test_the_script_is_short_and_uses_the_standard_library_and_an_ed25519_verifier() -> None:
    """It is to be read before it is run."""
    text = SCRIPT.read_text()
    assert len(text.splitlines()) < 150
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    names |= {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
    assert names - sys.stdlib_module_names == {"cryptography.hazmat.primitives.asymmetric.ed25519"}


def test_a_good_bundle_is_accepted_and_what_it_proves_is_printed(auditor: Auditor, bundle: bytes) -> None:
    """The same as the library says: log, tree, entries, openings, address; in ASCII, so that no terminal obeys it."""
    ran = auditor.verify(bundle)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.isascii()
    document, _, last = ran.out.removesuffix("\n").rpartition("\n")
    said, proven = json.loads(document), verify_bundle(bundle.decode(), Verifier.from_text(LOG.verifier_text))
    assert (said["log"], said["tree_size"]) == (proven.origin, proven.tree_size) == (LOG.name, 8)
    assert [entry["event_id"] for entry in said["entries"]] == [entry.event_id for entry in proven.entries]
    assert {one["version"]: one["context"] for one in said["openings"]} == proven.contexts
    assert said["openings"][1]["context"]["reason"] == ODD
    assert [one["email_address"] for one in said["address"]] == [proven.email_address] == [ANA]
    assert last.startswith("PROVEN under this one key, up to this version")


def test_a_bundle_without_openings_is_accepted(auditor: Auditor, bundle: bytes) -> None:
    """Whoever passed it on left them out."""
    ran = auditor.verify(b"".join(bundle.splitlines(keepends=True)[:6]))
    assert ran.code == 0
    assert '"openings": []' in ran.out


def test_a_public_key_in_a_file_will_do(auditor: Auditor, bundle: bytes) -> None:
    """With the newline that files end with."""
    (auditor.home / "log.pub").write_text(f"{LOG.verifier_text}\n")
    assert auditor.verify(bundle, "log.pub") == auditor.verify(bundle)


def test_a_changed_bundle_is_refused(auditor: Auditor, bundle: bytes) -> None:
    """In one line, and with nothing that looks like a proof."""
    for changed in (
        bundle.replace(b"zoe", b"Zoe"),
        bundle[:-1],
        b"",
        b"\xff" + bundle,
        bundle.replace(b"banned", b"b"),
    ):
        ran = auditor.verify(changed)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
        assert ran.err.startswith("NOT PROVEN, do not trust it")


def test_another_key_or_none_is_refused(auditor: Auditor, bundle: bytes) -> None:
    """Of the same name, private, mistyped, or not there."""
    for key in (OTHER_KEY.verifier_text, LOG.signer_text, f"{LOG.verifier_text[:-1]}A", "missing.pub", "a+b+c", ""):
        ran = auditor.verify(bundle, key)
        assert (ran.code, ran.out) == (1, "")
        assert LOG.signer_text[-40:] not in ran.err


def test_without_both_arguments_nothing_is_proven(auditor: Auditor) -> None:
    """Nor without a file."""
    for arguments in ((), ("bundle",), (auditor.home / "missing", LOG.verifier_text)):
        ran = auditor.python(SCRIPT, *arguments)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("NOT PROVEN")


def test_the_script_by_itself_says_of_every_mutation_what_the_library_says(auditor: Auditor, bundle: bytes) -> None:
    """Lines and fields changed about, and bytes changed here and there; both accept what lacks openings alone."""
    every = [bundle, *mutations.rearranged(bundle), *mutations.misspelt(bundle)]
    every += itertools.islice(mutations.changed_bytes(bundle), 0, None, 37)
    every = [mutated for mutated in every if len(mutated) < 50_000]
    given = json.dumps([b64encode(mutated).decode() for mutated in every])
    ran = auditor.python("-c", _VERDICTS, SCRIPT, LOG.verifier_text, given=given)
    assert (ran.code, ran.err) == (0, "")
    verdicts = json.loads(ran.out)
    assert verdicts == [holds(mutated) for mutated in every]
    assert verdicts == [mutated == bundle or mutations.is_redaction(mutated, bundle) for mutated in every]
    assert len(every) > 1000
    assert sum(verdicts) >= 5


def test_the_script_runs_with_assertions_off(auditor: Auditor, bundle: bytes) -> None:
    """As some start Python everywhere."""
    (auditor.home / "changed").write_bytes(bundle.replace(b"zoe", b"Zoe"))
    assert auditor.python("-OO", SCRIPT, auditor.home / "changed", LOG.verifier_text).code == 1
