"""What the sources import is what the package says it needs: nothing comes along by luck of a full environment."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SOURCES = TOP / "src" / "inbox_lifecycle"
MIGRATIONS = TOP / "migrations"

#: Packages of ours that may need an extra, each its own.
WITH_EXTRA = {"cli": "cli", "http": "http", "testing": "testing"}
#: A plugin is only ever loaded by the tool it plugs into.
LOADED_BY = {"testing/plugin.py": "pytest"}


@dataclass(frozen=True)
class Imported:
    """A module of somebody else's that a file of ours imports."""

    file: str
    line: int
    module: str
    #: Whether the import waits until a function is called.
    late: bool


def _files() -> list[tuple[str, Path]]:
    ours = [(str(path.relative_to(SOURCES)), path) for path in sorted(SOURCES.rglob("*.py"))]
    return ours + [(f"migrations/{path.relative_to(MIGRATIONS)}", path) for path in sorted(MIGRATIONS.rglob("*.py"))]


def _imports(node: ast.AST, *, late: bool = False) -> Iterator[tuple[int, str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name, late) for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and not child.level:
            yield child.lineno, child.module or "", late
        else:
            yield from _imports(child, late=late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def third_party() -> list[Imported]:
    """Every import of a module that is neither ours nor Python's."""
    home = {*sys.stdlib_module_names, "inbox_lifecycle"}
    return [
        Imported(file, line, top, late)
        for file, path in _files()
        for line, module, late in _imports(ast.parse(path.read_text()))
        if (top := module.partition(".")[0]) not in home and LOADED_BY.get(file) != top
    ]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _named(requirements: list[str]) -> set[str]:
    return {_normal(re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0]) for requirement in requirements}


@cache
def _project() -> tuple[frozenset[str], dict[str, set[str]]]:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    extras = {name: _named(wanted) for name, wanted in project["optional-dependencies"].items()}
    return frozenset(_named(project["dependencies"])), extras


@cache
def _distributions() -> dict[str, set[str]]:
    return {module: {_normal(name) for name in names} for module, names in packages_distributions().items()}


def _comes_from(imported: Imported, declared: set[str]) -> bool:
    return not _distributions().get(imported.module, set()).isdisjoint(declared)


def test_imports_of_every_kind_are_found() -> None:
    """The look is not blind: core libraries, those of extras, and the migrations' own are among what it finds."""
    assert {"alembic", "httpx", "sqlalchemy", "transitions", "typer", "rich"} <= {one.module for one in third_party()}
    assert any(one.file.startswith("migrations/") for one in third_party())
    assert {one.late for one in third_party()} == {True, False}


def test_every_imported_module_is_declared() -> None:
    """Each comes from a distribution that the project names itself, not from one that another brings along."""
    core, extras = _project()
    declared = core.union(*extras.values())
    assert [one for one in third_party() if not _comes_from(one, set(declared))] == []


def test_core_modules_import_only_what_is_always_installed() -> None:
    """Without any extra, every module outside the packages that have one can be imported."""
    core, _ = _project()
    outside = [one for one in third_party() if one.file.split("/")[0] not in WITH_EXTRA and not one.late]
    assert [one for one in outside if not _comes_from(one, set(core))] == []


@pytest.mark.parametrize("package", sorted(WITH_EXTRA))
def test_package_with_an_extra_imports_only_what_that_extra_brings(package: str) -> None:
    """Who installs one extra does not find out at run time that another was needed."""
    core, extras = _project()
    allowed = core | extras[WITH_EXTRA[package]]
    inside = [one for one in third_party() if one.file.split("/")[0] == package]
    assert [one for one in inside if not _comes_from(one, set(allowed))] == []


def test_every_core_dependency_is_imported() -> None:
    """Nobody is made to install what nothing uses."""
    core, _ = _project()
    used = set().union(*(_distributions().get(one.module, set()) for one in third_party()))
    assert core - used == set()
