"""Which modules hold groups, in the order of the report."""

from __future__ import annotations

from importlib import import_module

from benchmarks.harness import AnyGroup

#: Modules of this package with a tuple `GROUPS`.
MODULES = ("commit", "asynchronous", "writers", "commands", "sqlite", "bulk_moves", "sequencing", "replay", "startup")


def all_groups() -> list[AnyGroup]:
    """Every group there is."""
    return [group for module in MODULES for group in import_module(f"benchmarks.{module}").GROUPS]
