"""The lifecycle as an SVG, laid out by hand.

The layout holds places and colours only, and must fit the table exactly: a state or an arrow without a place, and a
place without an arrow, raise `NotDrawable`. So the picture can be ugly after a change of the rules, but never wrong.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from inbox_lifecycle.diagram import svg
from inbox_lifecycle.diagram.lifecycle import Arrow, Line, NotDrawable, Picture, picture
from inbox_lifecycle.domain.machine import UNBORN_STATE, Edge
from inbox_lifecycle.domain.states import Pair


class Place(NamedTuple):
    """Where a state stands, by its upper left corner."""

    x: int
    y: int
    fill: str
    stroke: str


class Route(NamedTuple):
    """How an arrow runs, and where its label's first line begins."""

    path: str
    x: int
    y: int
    anchor: str = "middle"


_BOX_WIDTH, _BOX_HEIGHT = 150, 80
_UNBORN = (107, 98)
_LEGEND_TOP = 494
_ROW = 24
_COLUMNS = {"trigger": 48, "from": 124, "to": 386, "guard": 514, "records": 702}

_PLACES = {
    "pending": Place(32, 176, "#fff6dd", "#d9a21b"),
    "warming": Place(365, 176, "#ffe9dc", "#dd7433"),
    "active": Place(698, 176, "#e2f5e6", "#3c9a55"),
    "banned": Place(365, 376, "#fde5e7", "#c9424f"),
}

_ROUTES = {
    "unborn --register--> pending": Route("M107 104 V175", 119, 119, "start"),
    "pending --start_warmup/retry_warmup--> warming": Route("M183 199 H364", 274, 143),
    "warming --fail_warmup--> pending": Route("M364 233 H183", 274, 252),
    "warming --graduate--> active": Route("M516 216 H697", 606, 176),
    "pending --ban--> banned": Route("M107 257 V396 Q107 416 127 416 H364", 240, 392),
    "warming --ban--> banned": Route("M440 257 V375", 452, 312, "start"),
    "active --ban--> banned": Route("M773 257 V396 Q773 416 753 416 H516", 640, 392),
}


_SUBTITLE = "In a box: status and warmup_status. At an arrow: the trigger, [its guard], and the event that it records."


def lifecycle_svg() -> str:
    """The lifecycle, drawn."""
    return draw(picture())


def draw(shown: Picture) -> str:
    """A picture of the lifecycle as SVG.

    Raises:
        NotDrawable: the layout and the picture do not hold the same states and arrows.
    """
    _fits("state", {pair.status for pair in shown.pairs}, _PLACES)
    _fits("arrow", {arrow.name for arrow in shown.arrows}, _ROUTES)
    shapes = [
        svg.dot(*_UNBORN, 7, fill="#43505f"),
        svg.text(_UNBORN[0] - 15, _UNBORN[1] + 4, UNBORN_STATE, kind="quiet", anchor="end"),
        *map(_arrow, shown.arrows),
        *map(_state, shown.pairs),
        *_legend(shown),
    ]
    height = _LEGEND_TOP + _ROW * (len(shown.legend) + 2) + 32
    return svg.card(height, "The life of an inbox", _SUBTITLE, shapes)


def _fits(kind: str, wanted: Iterable[str], placed: Iterable[str]) -> None:
    homeless, empty = set(wanted) - set(placed), set(placed) - set(wanted)
    if homeless:
        raise NotDrawable(f"the layout has no place for the {kind}: {', '.join(sorted(homeless))}")
    if empty:
        raise NotDrawable(f"the rules no longer hold the {kind}: {', '.join(sorted(empty))}")


def _state(pair: Pair) -> str:
    place = _PLACES[pair.status]
    middle = place.x + _BOX_WIDTH / 2
    shapes = [
        svg.box(place.x, place.y, _BOX_WIDTH, _BOX_HEIGHT, fill=place.fill, stroke=place.stroke, radius=12),
        svg.text(middle, place.y + 37, pair.status, kind="name", anchor="middle"),
        svg.text(middle, place.y + 57, pair.warmup_status, kind="quiet", anchor="middle"),
    ]
    return svg.group(str(pair), shapes)


def _arrow(arrow: Arrow) -> str:
    route = _ROUTES[arrow.name]
    labels = [(trigger, "strong") for trigger in arrow.triggers]
    if arrow.guard:
        labels.append((f"[{arrow.guard}]", "guard"))
    labels.append((arrow.event, "quiet"))
    lines = [
        svg.text(route.x, route.y + svg.LINE_HEIGHT * index, label, kind=kind, anchor=route.anchor)
        for index, (label, kind) in enumerate(labels)
    ]
    return svg.group(_told(arrow.edges), [svg.path(route.path, head=True), *lines])


def _told(edges: Iterable[Edge]) -> str:
    return ", ".join(f"{edge.source} --{edge.trigger}--> {edge.dest}" for edge in edges)


def _legend(shown: Picture) -> Iterator[str]:
    rows = len(shown.legend)
    width = svg.WIDTH - 2 * svg.MARGIN
    yield svg.box(svg.MARGIN, _LEGEND_TOP, width, _ROW * (rows + 1) + 10, fill="#ffffff", stroke="#d8dfe8", radius=10)
    for name, x in _COLUMNS.items():
        yield svg.text(x, _LEGEND_TOP + 21, name, kind="head")
    for number, line in enumerate(shown.legend, 1):
        yield _row(line, _LEGEND_TOP + _ROW * number)
    yield svg.text(svg.MARGIN + 2, _LEGEND_TOP + _ROW * (rows + 2) + 8, shown.footnote, kind="quiet")


def _row(line: Line, top: int) -> str:
    guard = f"[{line.guard}]" if line.guard else ""
    cells = (" / ".join(line.triggers), line.sources, line.dest, guard, line.event)
    kinds = ("strong", "plain", "plain", "guard", "quiet")
    texts = [
        svg.text(x, top + 22, cell, kind=kind)
        for x, cell, kind in zip(_COLUMNS.values(), cells, kinds, strict=True)
        if cell
    ]
    rule = svg.path(f"M{svg.MARGIN + 16} {top + 5} H{svg.WIDTH - svg.MARGIN - 16}", kind="thin")
    return svg.group(_told(line.edges), [rule, *texts])
