"""Alembic as a developer uses it in the checkout: `alembic -x url=... <command>`, configured by pyproject.toml."""

from __future__ import annotations

import io
from argparse import Namespace
from pathlib import Path

from alembic.config import Config

CHECKOUT = Path(__file__).parents[2]


def alembic_for(url: str, *arguments: str) -> Config:
    """The configuration that the command line would make; arguments are those of further `-x`."""
    said = Namespace(x=[f"url={url}", *arguments])
    return Config(toml_file=CHECKOUT / "pyproject.toml", cmd_opts=said, stdout=io.StringIO())
