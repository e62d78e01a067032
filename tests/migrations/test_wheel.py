"""The artefact, not the checkout: a wheel built from the sources' archive, installed into a clean environment."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.migrations.catalog import read_catalog, snapshot
from tests.support.databases import TestDatabase
from tests.support.developing import CHECKOUT

pytestmark = pytest.mark.slow

#: What a build or a run leaves, and what a checkout has beside the sources.
BESIDE = shutil.ignore_patterns(".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "dist", "build", "*.db*")


@dataclass(frozen=True)
class Installed:
    """A clean environment that has the wheel."""

    home: Path
    wheel: Path

    @property
    def packages(self) -> Path:
        """Where it keeps packages."""
        return Path(sysconfig.get_path("purelib", "venv", {"base": str(self.home), "platbase": str(self.home)}))

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, with nothing of ours around it."""
        program, *rest = arguments
        said = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return subprocess.run(
            [self.home / "bin" / program, *rest],
            cwd=cwd or self.home,
            env={**said, "PATH": f"{self.home / 'bin'}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    def print(self, program: str) -> str:
        """What a Python program prints."""
        ran = self.run("python", "-c", program)
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout.strip()


def _run(command: Sequence[str | Path], cwd: Path) -> None:
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The sources' archive, a wheel from it, and a clean environment with that wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    shutil.copytree(CHECKOUT, sources, ignore=BESIDE)
    # The archive first, and the wheel from the archive: both must hold the migrations.
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", sources], folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    made = Installed(folder / "clean", wheel)
    venv.create(made.home, with_pip=False)
    into: list[str | Path] = ["--python", made.home / "bin" / "python", "install", "--quiet", "--no-deps", "--no-index"]
    _run([sys.executable, "-m", "pip", "--disable-pip-version-check", *into, wheel], folder)
    # No package index is at hand: what we depend on is the tests' own, after the environment's packages.
    (made.packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return made


def test_the_wheel_holds_package_types_and_migrations(installed: Installed) -> None:
    """And no tests."""
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = wheel.namelist()
    expected = {
        "py.typed",
        "__init__.py",
        "migrations/env.py",
        "migrations/script.py.mako",
        "store/guards_expected.json",
    }
    expected |= {f"migrations/versions/{path.name}" for path in (CHECKOUT / "migrations" / "versions").glob("*.py")}
    assert {f"inbox_lifecycle/{name}" for name in expected} <= set(names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"inbox_lifecycle"}
    assert [name for name in names if "test_" in name or name.endswith(".pyc")] == []


def test_the_installed_package_is_the_one_that_runs(installed: Installed) -> None:
    """Neither the checkout nor the tests' own environment stands before it."""
    found = installed.print("import inbox_lifecycle; print(inbox_lifecycle.__file__)")
    assert found == str(installed.packages / "inbox_lifecycle" / "__init__.py")
    path = installed.print("from inbox_lifecycle.store.migrate import migrations_path; print(migrations_path())")
    assert path == str(installed.packages / "inbox_lifecycle" / "migrations")


def test_the_installed_package_migrates(installed: Installed, tmp_path: Path) -> None:
    """What it makes is what the checkout makes."""
    database = TestDatabase("sqlite", f"sqlite:///{tmp_path / 'inboxes.db'}", "")
    installed.print(f"from inbox_lifecycle import upgrade_schema; upgrade_schema({database.url!r})")
    assert read_catalog(database) == snapshot("sqlite").read_text()


def test_the_installed_command_runs_the_demo(installed: Installed, tmp_path: Path) -> None:
    """The main job, from the wheel alone."""
    ran = installed.run("inbox-lifecycle", "demo", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "inbox.warmup_started" in ran.stdout
