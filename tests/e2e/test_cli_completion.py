"""Completion in a real bash: the printed script is loaded there, and the key is pressed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import PATIENCE, Terminal

#: Loads the script, and completes each line, given as its words; the last word is the one being typed.
_DRIVER = """
source <(inbox-lifecycle completion bash)
complete -p inbox-lifecycle
while IFS= read -r line; do
    IFS='|' read -r -a COMP_WORDS <<< "$line|"
    [[ $line == *'|' ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _inbox_lifecycle_completion inbox-lifecycle
    echo "${COMPREPLY[*]}"
done
"""


def complete(folder: Path, *lines: str) -> list[list[str]]:
    """What a bash offers for each line; words are divided by bars, the last one is not finished."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    command = bin_folder / "inbox-lifecycle"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m inbox_lifecycle "$@"\n')
    command.chmod(0o755)
    ran = subprocess.run(
        ["bash", "--norc", "-c", _DRIVER],
        input="".join(f"{line}\n" for line in lines),
        env=Terminal(folder).environment | {"PATH": f"{bin_folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert ran.stderr == ""
    first, *offered = ran.stdout.splitlines()
    assert first == "complete -o default -F _inbox_lifecycle_completion inbox-lifecycle"
    assert len(offered) == len(lines)
    return [line.split() for line in offered]


def test_bash_completes_commands_options_and_words(tmp_path: Path) -> None:
    """Commands and groups by their beginning, options of the command, and the words that an option takes."""
    commands, of_a_group, options, words, enums = complete(
        tmp_path,
        "inbox-lifecycle|retry",
        "inbox-lifecycle|db|",
        "inbox-lifecycle|retry-stuck|--pa",
        "inbox-lifecycle|find|--status|",
        "inbox-lifecycle|show|--format|j",
    )
    assert commands == ["retry-warmup", "retry-stuck", "retry-many"]
    assert set(of_a_group) >= {"upgrade", "check", "grant"}
    assert (options, enums) == (["--patience"], ["json"])
    assert words == ["pending", "warming", "active", "banned"]


@pytest.mark.parametrize(
    ("shell", "first"),
    [("zsh", "#compdef inbox-lifecycle"), ("fish", "complete --command inbox-lifecycle")],
)
def test_the_other_shells_have_a_script_too(tmp_path: Path, shell: str, first: str) -> None:
    """It begins as that shell wants it, and no file is written."""
    ran = Terminal(tmp_path).run("completion", shell)
    assert (ran.code, ran.out.startswith(first), list(tmp_path.iterdir())) == (0, True, [])


def test_a_shell_without_a_script_is_wrong_usage(tmp_path: Path) -> None:
    """The line says which there are."""
    ran = Terminal(tmp_path).run("completion", "tcsh")
    assert (ran.code, "'bash', 'zsh'" in ran.err) == (2, True)
