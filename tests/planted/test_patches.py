"""The patches themselves: each still fits the source, each has a sign, and applying them is strict."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planted.bugs import BUGS
from tests.planted.trials import CAUGHT, Trial
from tests.support.planting import PATCHES, ROOT, Catcher, copy_library, patch_of, patched
from tests.support.unidiff import Outdated, apply_patch, read_patch

TEXT = "one\ntwo\nthree\nfour\nfive\n"
PATCH = """Says what it does.

--- a/file.txt
+++ b/file.txt
@@ -2,3 +2,3 @@
 two
-three
+drei
 four
"""


@pytest.mark.parametrize("bug", BUGS)
def test_patch_fits_the_source_and_says_what_its_bug_is(bug: str) -> None:
    """A source that moves on takes its planted bugs along: this fails until the patch is made anew."""
    for path, text in patched(bug).items():
        assert text != (ROOT / path).read_text(encoding="utf-8")
        compile(text, path, "exec")
    assert patch_of(bug).words.endswith(".")


def test_every_patch_has_a_sign() -> None:
    """None lies about that nobody tries to catch."""
    assert {path.stem for path in PATCHES.iterdir()} == set(BUGS)


@pytest.mark.parametrize("text", [TEXT, f"zero\n{TEXT}", f"{TEXT}six\n", "two\nthree\nfour\n"])
def test_hunk_is_found_wherever_it_stands(tmp_path: Path, text: str) -> None:
    """Lines above and below do not matter."""
    (tmp_path / "file.txt").write_text(text)
    assert apply_patch(read_patch(PATCH), tmp_path) == {"file.txt": text.replace("three", "drei")}


@pytest.mark.parametrize("text", ["", TEXT.replace("two", "zwei"), TEXT.replace("three", "three "), TEXT + TEXT])
def test_hunk_that_does_not_stand_there_exactly_once_is_outdated(tmp_path: Path, text: str) -> None:
    """A changed line of context, a blank more, a second place: none of it is taken for the first."""
    (tmp_path / "file.txt").write_text(text)
    with pytest.raises(Outdated, match=r"file\.txt"):
        apply_patch(read_patch(PATCH), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "only words",
        PATCH.replace("@@ -2,3 +2,3 @@", "@@ -2,4 +2,3 @@"),
        PATCH.replace("@@ -2,3 +2,3 @@", "@@ @@"),
        PATCH.replace("--- a/file.txt", "--- /dev/null"),
        PATCH.replace("+++ b/file.txt\n", ""),
        PATCH.replace("+++ b/file.txt", "+++ b/other.txt"),
    ],
)
def test_text_that_is_no_patch_of_a_file_is_refused(text: str) -> None:
    """A patch that was cut off or renames something would plant another bug than it says."""
    with pytest.raises(ValueError, match=r".+"):
        read_patch(text)


def test_outdated_patch_says_how_to_renew_it(tmp_path: Path) -> None:
    """Whoever changes the source reads what to do."""
    moved_on = copy_library(tmp_path / "copy", "time_not_clamped")
    with pytest.raises(AssertionError, match=r"time_not_clamped\.patch is to be renewed: .*`diff -u`"):
        patched("time_not_clamped", moved_on)


def test_library_of_another_place_catches_nothing(catcher: Catcher, tmp_path: Path) -> None:
    """A process that imports any library but the patched copy ends as a crash, not as a catch."""
    ran = catcher.run(tmp_path, [])
    assert ran.code not in (0, CAUGHT)
    assert "ImportError: this is the library of" in ran.complained


def test_checker_that_crashes_catches_nothing(catcher: Catcher, tmp_path: Path) -> None:
    """A database that is not there is no complaint about the library."""
    nowhere = Trial(checker="walk", kind="sqlite", url=f"sqlite:///{tmp_path}/none.db", prefix="", guarded=False)
    ran = catcher.run(copy_library(tmp_path), [nowhere])
    assert (ran.code in (0, CAUGHT), ran.found) == (False, [])
    assert "Traceback" in ran.complained
