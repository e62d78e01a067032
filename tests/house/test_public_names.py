"""What is promised: the names, that they are loaded when first used, and that the two facades are twins."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import inbox_lifecycle
from inbox_lifecycle import AsyncInboxes, AsyncOperator, Inboxes, Operator, errors

TWINS = ((Inboxes, AsyncInboxes), (Operator, AsyncOperator))

#: Prints the modules that a statement has loaded.
LOADED = """
import sys, json
before = set(sys.modules)
...
print(json.dumps(sorted(set(sys.modules) - before)))
"""

#: The same thing under the name that each world has for it.
RENAMED = {"close": "aclose", "__enter__": "__aenter__", "__exit__": "__aexit__"}

#: Words that differ because the worlds do; everything else is said alike.
WORDS = {
    "AsyncInboxes": "Inboxes",
    "AsyncOperator": "Operator",
    "AsyncConnection": "Connection",
    "AsyncSession": "Session",
    "AsyncBaseTransport": "BaseTransport",
    "AsyncIterator": "Iterator",
    "Engine | AsyncEngine": "Engine",
    "a URL, an Engine, or an AsyncEngine of the host's": "a URL, or an Engine of the host's",
    "an engine of the host's stays open": "an Engine of the host's stays open",
    "between tasks": "between threads",
    "AsyncDriver": "SyncDriver",
    "AsyncBoundDriver": "BoundDriver",
    # A connection that is awaited is looked at when it is first used.
    (
        " On SQLite the engine must have been prepared by `prepare_sqlite`."
        " Raises: StoreMisconfigured: the SQLite engine is not prepared."
    ): "",
}


def loaded_by(statement: str, *watched: str) -> list[str]:
    """Which of the watched modules a fresh interpreter has loaded after a statement."""
    program = LOADED.replace("...", statement)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules: list[str] = json.loads(ran.stdout)
    tops = {module.partition(".")[0] for module in modules}
    return sorted(tops & set(watched)) if watched else modules


def test_the_promised_names_are_sorted_and_each_named_once() -> None:
    """A list that people read."""
    assert inbox_lifecycle.__all__ == sorted(set(inbox_lifecycle.__all__), key=_order)


def _order(name: str) -> tuple[int, str]:
    """Constants, classes, then the rest: the order that the linter keeps."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("name", inbox_lifecycle.__all__)
def test_a_promised_name_is_there(name: str) -> None:
    """Each can be had from the package itself, and is public where it comes from."""
    value = getattr(inbox_lifecycle, name)
    if name != "__version__":
        assert value.__doc__
        assert getattr(importlib.import_module(value.__module__), name) is value


def test_everything_promised_is_listed_by_dir() -> None:
    """Completion in a shell finds it before it is loaded."""
    assert set(dir(inbox_lifecycle)) >= set(inbox_lifecycle.__all__)


def test_a_star_import_gives_exactly_the_promised_names() -> None:
    """Nothing is promised by accident."""
    space: dict[str, object] = {}
    exec("from inbox_lifecycle import *", space)  # noqa: S102 - a star import is only allowed at module level
    assert set(space) - {"__builtins__"} == set(inbox_lifecycle.__all__)


def test_a_name_that_is_not_promised_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        inbox_lifecycle.Nothing  # noqa: B018 - asking for it is the point


@pytest.mark.parametrize(
    ("statement", "foreign"),
    [
        ("import inbox_lifecycle", set()),
        # `transitions` brings `six`.
        ("import inbox_lifecycle.domain", {"six", "transitions"}),
        ("from inbox_lifecycle import Inbox, Status", {"six", "transitions"}),
    ],
)
def test_importing_loads_nothing_foreign_but_the_machine(statement: str, foreign: set[str]) -> None:
    """A host that imports it everywhere pays for a database, a network and a codec when it first uses them."""
    tops = {module.partition(".")[0] for module in loaded_by(statement)}
    assert tops - sys.stdlib_module_names - {"inbox_lifecycle"} == foreign


def test_importing_the_package_alone_loads_no_module_of_it() -> None:
    """Names are loaded when they are first used."""
    loaded = loaded_by("import inbox_lifecycle")
    assert [module for module in loaded if module.startswith("inbox_lifecycle.") or module == "asyncio"] == []


def test_using_a_value_of_the_domain_loads_no_database_and_no_network() -> None:
    """Only what the value needs."""
    assert loaded_by("from inbox_lifecycle import Inbox, RetryRefused", "sqlalchemy", "httpx", "alembic", "idna") == []


#: Where the test kit's names are, and those of its modules that are for one tool.
KIT = ("inbox_lifecycle.testing", "inbox_lifecycle.testing.strategies")
FOR_ONE_TOOL = {"inbox_lifecycle.testing.plugin", "inbox_lifecycle.testing.strategies"}


@pytest.mark.parametrize("module", KIT)
def test_the_names_of_the_test_kit_are_sorted_there_and_told(module: str) -> None:
    """As those of the package itself."""
    kit = importlib.import_module(module)
    assert kit.__all__ == sorted(set(kit.__all__), key=_order)
    assert [name for name in kit.__all__ if not inspect.getdoc(getattr(kit, name))] == []


def test_the_test_kit_needs_no_tool_but_where_it_is_for_one() -> None:
    """Without pytest and without Hypothesis, all of it but the plugin and the strategies can be imported."""
    package = importlib.import_module("inbox_lifecycle.testing")
    modules = {found.name for found in pkgutil.walk_packages(package.__path__, "inbox_lifecycle.testing.")}
    assert modules >= FOR_ONE_TOOL
    assert loaded_by(f"import {', '.join(sorted(modules - FOR_ONE_TOOL))}", "pytest", "hypothesis") == []
    assert loaded_by("import inbox_lifecycle.testing", "sqlalchemy", "alembic") == []


def test_the_domain_stands_on_the_standard_library_and_transitions() -> None:
    """And on what `transitions` itself stands on."""
    modules = {module.partition(".")[0] for module in loaded_by("import inbox_lifecycle.domain")}
    foreign = {
        name
        for name in modules
        if name.lstrip("_") not in sys.stdlib_module_names and name not in sys.stdlib_module_names
    }
    assert foreign == {"inbox_lifecycle", "transitions", "six"}


def test_the_version_is_that_of_the_distribution() -> None:
    """One number, in two places."""
    assert importlib.metadata.version("inbox-lifecycle") == inbox_lifecycle.__version__


def public(kind: type) -> dict[str, Any]:
    """The methods of a class that users call, by the sync world's names."""
    own = {name: value for base in reversed(kind.__mro__[:-1]) for name, value in vars(base).items()}
    sync = {twin: name for name, twin in RENAMED.items()}
    return {
        sync.get(name, name): value
        for name, value in own.items()
        if callable(value) and (not name.startswith("_") or name == "__init__" or name in {*RENAMED, *sync})
    }


def alike(text: str) -> str:
    """A text of the async world in the words of the sync one, line breaks aside."""
    text = " ".join(text.split())
    for word, meaning in WORDS.items():
        text = text.replace(word, meaning)
    return text


METHODS = [
    pytest.param(value, public(twin).get(name), id=f"{kind.__name__}.{name}")
    for kind, twin in TWINS
    for name, value in public(kind).items()
]


@pytest.mark.parametrize(("kind", "twin"), TWINS)
def test_twins_have_the_same_methods(kind: type, twin: type) -> None:
    """In the same order, so that a reader finds them."""
    assert list(public(kind)) == list(public(twin))
    assert len(public(kind)) > 8


@pytest.mark.parametrize(("method", "twin"), METHODS)
def test_a_method_and_its_twin_take_the_same(method: Callable[..., Any], twin: Callable[..., Any]) -> None:
    """Same parameters, same defaults, same types; what is awaited is the same value."""
    ours, theirs = inspect.signature(method), inspect.signature(twin)
    assert [(one.name, one.kind, one.default) for one in ours.parameters.values()] == [
        (one.name, one.kind, one.default) for one in theirs.parameters.values()
    ]
    for one, other in zip(ours.parameters.values(), theirs.parameters.values(), strict=True):
        assert alike(str(one.annotation)) == alike(str(other.annotation))
    assert alike(str(ours.return_annotation)) == alike(str(theirs.return_annotation))


@pytest.mark.parametrize(("method", "twin"), METHODS)
def test_a_method_and_its_twin_are_told_alike(method: Callable[..., Any], twin: Callable[..., Any]) -> None:
    """Docstrings say the same but for the words of their worlds."""
    if method.__name__.startswith("__") and method.__doc__ is None:
        assert twin.__doc__ is None
        return
    ours, theirs = inspect.getdoc(method), inspect.getdoc(twin)
    assert ours
    assert theirs
    assert alike(ours) == alike(theirs)


@pytest.mark.parametrize(("kind", "twin"), TWINS)
def test_classes_of_twins_are_told_alike(kind: type, twin: type) -> None:
    """What is promised of one is promised of the other."""
    assert alike(inspect.getdoc(kind) or "") == alike(inspect.getdoc(twin) or "x")


@pytest.mark.parametrize(("method", "twin"), METHODS)
def test_every_error_that_a_docstring_names_exists(method: Callable[..., Any], twin: Callable[..., Any]) -> None:
    """`Raises:` is part of the promise."""
    for told in (method, twin):
        _, _, raises = (inspect.getdoc(told) or "").partition("Raises:\n")
        named = re.findall(r"^\s+((?:\w+(?:, )?)+):", raises, re.MULTILINE)
        for name in (one for line in named for one in line.split(", ")):
            assert issubclass(getattr(errors, name), errors.InboxLifecycleError)
