"""The documents tell the truth: their commands and links exist, and blocks of known kinds only stand in them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from inbox_lifecycle.testing import Sandbox
from tests.support.commands import Terminal
from tests.support.documents import BLOCK, DOCUMENTS, TOP, blocks, environment, with_code


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
def test_commands_that_are_only_shown_exist(document: Path, tmp_path: Path) -> None:
    """Blocks that cannot run inside the tests name make targets and commands that there are."""
    shown = "\n".join(blocks(document, "console"))
    makefile = (TOP / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", shown):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for words in re.findall(r"^\$ inbox-lifecycle ([a-z-]+(?: [a-z-]+)?)", shown, re.MULTILINE):
        command = words.split()[: 2 if words.startswith("db ") else 1]
        assert Terminal(tmp_path).run(*command, "--help").code == 0, command


def test_only_blocks_of_known_kinds_stand_in_the_documents() -> None:
    """A code block is run, is a transcript whose commands are checked, or is a picture: nothing slips past."""
    kinds = {kind for document in DOCUMENTS for kind, _ in BLOCK.findall(document.read_text())}
    assert kinds <= {"python", "sh", "console", "mermaid"}
