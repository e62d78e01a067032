"""The documents, and the blocks of code in them."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from inbox_lifecycle.testing import Sandbox

TOP = Path(__file__).parents[2]
DOCUMENTS = (TOP / "README.md", *sorted((TOP / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(document: Path, language: str) -> list[str]:
    """The document's code blocks of a language."""
    return [code for found, code in BLOCK.findall(document.read_text()) if found == language]


def with_code(language: str) -> list[Path]:
    """The documents that have such blocks."""
    return [document for document in DOCUMENTS if blocks(document, language)]


def with_tests() -> list[Path]:
    """The documents that show tests."""
    return [document for document in DOCUMENTS if "\ndef test_" in "\n".join(blocks(document, "python"))]


def environment(sandbox: Sandbox) -> dict[str, str]:
    """A user's environment, with the sandbox as the provider."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "INSTANTLY_API_KEY": sandbox.api_key, "INSTANTLY_BASE_URL": sandbox.base_url}
