"""What stands in the repository: nothing of one machine or one place, and every command that is named exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]

#: Paths of somebody's machine. Spelt in parts, or this file would find itself.
MACHINE = re.compile(
    "|".join(["/ho" + "me/", "/Us" + "ers/", "/ro" + "ot/", "/wo" + "rk/", r"[A-Z]:\\\\Us" + "ers", r"/tm" + r"p/\w"])
)
#: Hosts from which packages come: where a package is had from is the reader's affair.
REGISTRIES = re.compile(
    "|".join(
        [
            "py" + r"pi\.",
            "python" + r"hosted\.",
            "test\\.py" + "pi",
            "artif" + "actory",
            "index-" + "url",
            "find-" + "links",
            r"nex" + r"us\.",
        ]
    )
)
#: Where the words stand for what pip is told not to write down.
SPEAKS_OF_REGISTRIES = {"Makefile"}


def _tracked() -> list[Path]:
    ran = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=TOP,
        capture_output=True,
        check=True,
    )
    names = [name.decode() for name in ran.stdout.split(b"\0") if name]
    return [TOP / name for name in names if (TOP / name).is_file()]


TRACKED = _tracked()


def _lines(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    found = []
    for path in files:
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(TOP)}:{number}" for number, line in enumerate(lines, 1) if pattern.search(line)]
    return found


def test_the_repository_has_files_to_look_at() -> None:
    """Were there none, the tests below would be content with anything."""
    assert {"README.md", "Makefile", "pyproject.toml"} <= {path.name for path in TRACKED}


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    """A path of one machine means nothing on another."""
    assert _lines(MACHINE, TRACKED) == []


def test_no_file_knows_where_packages_come_from() -> None:
    """Pins have hashes and no address, so that any mirror will do."""
    files = [path for path in TRACKED if path.name not in SPEAKS_OF_REGISTRIES]
    assert _lines(REGISTRIES, files) == []


def test_every_pin_has_a_hash() -> None:
    """A package is the one that was pinned, wherever it is had from."""
    text = (TOP / "requirements" / "dev.txt").read_text()
    pins = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(pins) > 20
    assert [pin.split()[0] for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_no_file_is_committed_that_the_repository_ignores() -> None:
    """What a build or a run leaves stays out."""
    ran = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == ""


def _targets() -> dict[str, bool]:
    """The targets of the Makefile, and whether `make help` tells them."""
    text = (TOP / "Makefile").read_text()
    return {name: bool(told) for name, told in re.findall(r"^([a-z][a-z-]*):[^=\n]*?(## .+)?$", text, re.MULTILINE)}


@pytest.mark.parametrize(
    "document", sorted(path.relative_to(TOP).as_posix() for path in TRACKED if path.suffix == ".md")
)
def test_every_make_target_that_a_document_names_exists(document: str) -> None:
    """Somebody will type it."""
    named = set(re.findall(r"`make ([a-z-]+)|^\$? ?make ([a-z-]+)", (TOP / document).read_text(), re.MULTILINE))
    assert {one or other for one, other in named} <= set(_targets())


def test_the_readme_names_the_two_commands() -> None:
    """Whoever comes from nowhere needs these."""
    text = (TOP / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text


def test_every_target_is_told_by_make_help() -> None:
    """And none is a file by accident."""
    targets = _targets()
    phony = re.search(r"^\.PHONY: (.+)$", (TOP / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(targets)
    assert [name for name, told in targets.items() if not told] == []


def test_continuous_integration_runs_what_a_developer_runs() -> None:
    """There is no second list of checks."""
    script = TOP / ".ci" / "run"
    assert "exec make test" in script.read_text()
    assert script.stat().st_mode & 0o111
