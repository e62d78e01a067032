"""Completion in the shell: the script to load there, and what answers it at each press of the key."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """The shells that there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the script that lets a shell complete commands, options and words. No file of yours is touched.

    Examples:
      source <(inbox-lifecycle completion bash)
      inbox-lifecycle completion bash > /etc/bash_completion.d/inbox-lifecycle
      inbox-lifecycle completion zsh > "${fpath[1]}/_inbox-lifecycle"
      inbox-lifecycle completion fish > ~/.config/fish/completions/inbox-lifecycle.fish
    """
    prepare()
    from typer.completion import shell_complete

    from inbox_lifecycle.cli.app import COMPLETING, NAME, command_for

    script = io.StringIO()
    with redirect_stdout(script):
        shell_complete(command_for([]), {}, NAME, COMPLETING, f"source_{shell.value}")
    # Without the empty line at its beginning: zsh looks at the first one to know what a file completes.
    print(script.getvalue().strip())


def prepare() -> None:
    """Have Typer know the shells, which it otherwise does for applications that may write into users' files."""
    from typer.completion import get_completion_inspect_parameters

    get_completion_inspect_parameters()
