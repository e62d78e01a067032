"""The documents' code runs as it stands there; a file of its own, so that workers share the documents."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from inbox_lifecycle.testing import Sandbox
from tests.support.documents import blocks, environment, with_code, with_tests


# Those that show tests are imported, and so run, by the other test of this file.
@pytest.mark.parametrize(
    "document", [one for one in with_code("python") if one not in with_tests()], ids=lambda path: path.name
)
def test_python_blocks_run_as_written(document: Path, provider_sandbox: Sandbox, tmp_path: Path) -> None:
    """A document's Python blocks, one after another, run as a user would run them."""
    program = "\n".join(blocks(document, "python"))
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environment(provider_sandbox),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("document", with_tests(), ids=lambda path: path.name)
def test_tests_in_python_blocks_pass(document: Path, tmp_path: Path) -> None:
    """What a document shows as a user's tests is collected by pytest, and each of them passes."""
    program = "\n".join(blocks(document, "python"))
    (tmp_path / "test_document.py").write_text(program)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_document.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = len(re.findall(r"^def test_", program, re.MULTILINE))
    assert f"{shown} passed" in ran.stdout, ran.stdout + ran.stderr
