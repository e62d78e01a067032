"""The documents tell the truth: their code runs, their links and commands exist, their tables match the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from inbox_lifecycle.testing import Sandbox

TOP = Path(__file__).parents[2]
DOCUMENTS = (TOP / "README.md", *sorted((TOP / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(document: Path, language: str) -> list[str]:
    """The document's code blocks of a language."""
    return [code for found, code in BLOCK.findall(document.read_text()) if found == language]


def with_code(language: str) -> list[Path]:
    """The documents that have such blocks."""
    return [document for document in DOCUMENTS if blocks(document, language)]


def with_tests() -> list[Path]:
    """The documents that show tests."""
    return [document for document in DOCUMENTS if "\ndef test_" in "\n".join(blocks(document, "python"))]


def environment(sandbox: Sandbox) -> dict[str, str]:
    """A user's environment, with the sandbox as the provider."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "INSTANTLY_API_KEY": sandbox.api_key, "INSTANTLY_BASE_URL": sandbox.base_url}


@pytest.mark.parametrize("document", with_code("python"), ids=lambda path: path.name)
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


@pytest.mark.parametrize("document", with_code("sh"), ids=lambda path: path.name)
def test_shell_blocks_run_as_written(document: Path, provider_sandbox: Sandbox, tmp_path: Path) -> None:
    """A document's shell blocks, one after another, end with success."""
    program = "\n".join(blocks(document, "sh"))
    ran = subprocess.run(
        ["sh", "-e", "-c", program],
        cwd=tmp_path,
        env=environment(provider_sandbox),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    """Every relative link names a file of the repository."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("document", with_code("console"), ids=lambda path: path.name)
def test_commands_that_are_only_shown_exist(document: Path) -> None:
    """Blocks that cannot run inside the tests name make targets and commands that there are."""
    shown = "\n".join(blocks(document, "console"))
    makefile = (TOP / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", shown):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for words in re.findall(r"^\$ inbox-lifecycle ([a-z-]+(?: [a-z-]+)?)", shown, re.MULTILINE):
        command = words.split()[: 2 if words.startswith("db ") else 1]
        helped = subprocess.run(
            [sys.executable, "-m", "inbox_lifecycle", *command, "--help"], capture_output=True, check=False
        )
        assert helped.returncode == 0, command


def test_only_blocks_of_known_kinds_stand_in_the_documents() -> None:
    """A code block is run, is a transcript whose commands are checked, or is a picture: nothing slips past."""
    kinds = {kind for document in DOCUMENTS for kind, _ in BLOCK.findall(document.read_text())}
    assert kinds <= {"python", "sh", "console", "mermaid"}
