"""The pictures in `diagrams/`: drawn from the rules, committed, and compared with the rules in a test.

The one rule of this package: a fact about the lifecycle is read from the machine and the rules, never typed in here.
What is typed in is where things stand on the page, and a picture that lacks a place for something is not drawn.
"""

from inbox_lifecycle.diagram.lifecycle_svg import lifecycle_svg
from inbox_lifecycle.diagram.mermaid import lifecycle_mermaid, retry_mermaid
from inbox_lifecycle.diagram.retry_svg import retry_svg

__all__ = ["drawings", "lifecycle_mermaid", "lifecycle_svg", "retry_mermaid", "retry_svg"]


def drawings() -> dict[str, str]:
    """Every picture by its file name."""
    return {
        "lifecycle.mmd": lifecycle_mermaid(),
        "lifecycle.svg": lifecycle_svg(),
        "retry.mmd": retry_mermaid(),
        "retry.svg": retry_svg(),
    }
