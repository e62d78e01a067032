"""A signing key stays secret: where it comes from, who may read it, and that nothing shows it or carries it away."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import traceback
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from inbox_lifecycle.audit.notes import KEY_VARIABLE, Signer
from inbox_lifecycle.errors import InvalidInput
from tests.support.noting import LOG

SECRETS = (
    LOG.seed.hex(),
    b64encode(LOG.seed).decode()[:20],
    b64encode(b"\x01" + LOG.seed).decode()[:20],
    repr(LOG.seed),
)
TEXT = "a\n"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A key as its owner keeps it."""
    path = tmp_path / "signing.key"
    path.write_text(LOG.signer_text + "\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_key_that_only_its_owner_reads_is_taken(key_file: Path, mode: int) -> None:
    """From a path, or from its text."""
    key_file.chmod(mode)
    assert Signer.from_file(key_file).text == LOG.signer_text
    assert Signer.from_file(str(key_file)).text == LOG.signer_text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666])
def test_key_that_others_can_read_is_refused_with_its_cure(key_file: Path, mode: int) -> None:
    """Whoever may read it may already have it."""
    key_file.chmod(mode)
    with pytest.raises(InvalidInput, match="others can read the signing key's file: run `chmod 600` on it"):
        Signer.from_file(key_file)


def test_file_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    """And so is what is no file."""
    with pytest.raises(InvalidInput, match="No such file"):
        Signer.from_file(tmp_path / "nothing")
    with pytest.raises(InvalidInput, match="Is a directory"):
        Signer.from_file(tmp_path)
    with pytest.raises(InvalidInput, match="pass the path of one"):
        Signer.from_file("nothing\0")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"hello\n", LOG.verifier_text.encode(), b"x" * 100_000])
def test_file_that_holds_no_key_is_refused(key_file: Path, content: bytes) -> None:
    """And nothing of it is repeated."""
    key_file.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"^this is not a signing key: pass the whole text that [^+]*$"):
        Signer.from_file(key_file)


def test_key_from_the_environment_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the library's own variable, or from another."""
    monkeypatch.setenv(KEY_VARIABLE, LOG.signer_text)
    monkeypatch.setenv("ANOTHER_KEY", Signer.generate("other.example").text)
    assert Signer.from_environment().text == LOG.signer_text
    assert Signer.from_environment("ANOTHER_KEY").name == "other.example"


@pytest.mark.parametrize("value", [None, ""])
def test_variable_without_a_key_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """So that it can be set."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(KEY_VARIABLE, value)
    with pytest.raises(InvalidInput, match="set INBOX_LIFECYCLE_SIGNING_KEY to what"):
        Signer.from_environment()


def test_key_is_shown_nowhere_but_where_it_is_asked_for() -> None:
    """Not in logs, not in a debugger's summary."""
    signer = Signer.from_text(LOG.signer_text)
    shown = f"{signer} {signer!r} {signer.verifier!r} {[signer]} {signer.sign(TEXT)}"
    assert [secret for secret in SECRETS if secret in shown] == []
    assert repr(signer) == "Signer('example.com/inboxes')"
    assert [secret for secret in SECRETS if secret in signer.text] != []


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy])
def test_key_is_not_handed_over(carry: Callable[[Signer], object]) -> None:
    """A queue of tasks or another process would keep it."""
    with pytest.raises(TypeError, match="a signing key is not handed over"):
        carry(Signer.from_text(LOG.signer_text))


def test_key_passed_in_the_wrong_place_is_not_repeated(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a path, broken in the environment, or broken in the file: the traceback's words hold nothing of it."""
    broken = LOG.signer_text[:-1]
    key_file.write_text(broken)
    monkeypatch.setenv(KEY_VARIABLE, broken)
    mistakes: list[Callable[[], Signer]] = [
        lambda: Signer.from_file(LOG.signer_text),
        lambda: Signer.from_file(key_file),
        Signer.from_environment,
    ]
    for mistake in mistakes:
        with pytest.raises(InvalidInput) as caught:
            mistake()
        said = "".join(traceback.format_exception_only(caught.value)) + repr(caught.value)
        assert [secret for secret in SECRETS if secret in said] == []
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


WITHOUT_EXTRA = """
import sys
sys.modules["cryptography"] = None
from inbox_lifecycle.audit import checkpoints, merkle, notes, tlog_proof
from inbox_lifecycle.errors import InvalidInput
verifier = notes.Verifier.from_text(sys.argv[2])
for attempt in (
    lambda: notes.Signer.generate("a"),
    lambda: notes.Signer.from_text(sys.argv[1]),
    lambda: verifier.open(sys.argv[3]),
    lambda: verifier.open("no note"),
):
    try:
        attempt()
    except InvalidInput as error:
        print(error)
"""


def test_without_the_extra_each_way_in_says_what_to_install() -> None:
    """The modules can be imported, and the tree works without it."""
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA, LOG.signer_text, LOG.verifier_text, LOG.note("a\n")],
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        capture_output=True,
        text=True,
        check=True,
    )
    said = "signatures need the extra `audit`: install inbox-lifecycle[audit]"
    assert (ran.stdout.splitlines(), ran.stderr) == ([said] * 4, "")
