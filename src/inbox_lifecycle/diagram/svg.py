"""The few SVG shapes that the pictures are made of.

A picture brings its own light card, so it reads the same on a white and on a dark page. The fonts are whatever the
reader has: widths are guessed from the number of letters, generously.
"""

import textwrap
from collections.abc import Iterable
from html import escape

WIDTH = 880
MARGIN = 32
LINE_HEIGHT = 16

_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
_STYLE = f"""\
text {{ font-family: {_FONT}; font-size: 12px; fill: #1c2733; }}
.title {{ font-size: 20px; font-weight: 600; }}
.name {{ font-size: 16px; font-weight: 600; }}
.strong {{ font-size: 13px; font-weight: 600; }}
.quiet {{ fill: #5a6776; }}
.guard {{ fill: #6b3fa0; }}
.head {{ font-size: 11px; font-weight: 600; fill: #5a6776; }}
.number {{ font-size: 11px; font-weight: 700; fill: #ffffff; }}
.line {{ fill: none; stroke: #43505f; stroke-width: 1.6; }}
.dashed {{ stroke-dasharray: 5 4; }}
.thin {{ fill: none; stroke: #d8dfe8; stroke-width: 1; }}"""
_MARKER = (
    '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0.8 L10 5 L0 9.2 Z" fill="#43505f"/></marker>'
)


def card(height: int, title: str, subtitle: str, shapes: Iterable[str]) -> str:
    """A whole picture: a light card with a title and shapes on it."""
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title subtitle">',
        "<!-- Drawn from the rules by `python -m inbox_lifecycle.diagram`. Do not edit. -->",
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="subtitle">{escape(subtitle)}</desc>',
        f"<style>\n{_STYLE}\n</style>",
        f"<defs>{_MARKER}</defs>",
        box(0.5, 0.5, WIDTH - 1, height - 1, fill="#fbfcfe", stroke="#d8dfe8", radius=14),
        text(MARGIN, 44, title, kind="title"),
        text(MARGIN, 66, subtitle, kind="quiet"),
        *shapes,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def box(x: float, y: float, width: float, height: float, *, fill: str, stroke: str, radius: int) -> str:
    """A rounded rectangle."""
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}"'
    return f'<rect {place} fill="{fill}" stroke="{stroke}" stroke-width="1.4"/>'


def text(x: float, y: float, content: str, *, kind: str = "plain", anchor: str = "start") -> str:
    """One line of text."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(content, quote=False)}</text>'


def lines_of_text(x: float, y: float, lines: Iterable[str], *, kind: str = "plain", anchor: str = "start") -> list[str]:
    """Lines below one another."""
    return [text(x, y + LINE_HEIGHT * index, line, kind=kind, anchor=anchor) for index, line in enumerate(lines)]


def path(route: str, *, kind: str = "line", head: bool = False) -> str:
    """A line, with an arrow head where asked."""
    end = ' marker-end="url(#head)"' if head else ""
    return f'<path d="{route}" class="{kind}"{end}/>'


def dot(x: float, y: float, radius: float, *, fill: str) -> str:
    """A filled circle."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}"/>'


def group(title: str, shapes: Iterable[str]) -> str:
    """Shapes that belong together, with a title for those who point at them or listen."""
    return "\n".join([f"<g><title>{escape(title, quote=False)}</title>", *shapes, "</g>"])


def wrapped(content: str, letters: int) -> list[str]:
    """The content in lines of at most so many letters."""
    return textwrap.wrap(content, letters, break_long_words=False)
