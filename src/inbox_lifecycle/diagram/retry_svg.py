"""One `retry_warmup` as an SVG: the messages, and below them a table of what can go wrong where."""

from collections.abc import Iterator
from itertools import accumulate

from inbox_lifecycle.diagram import svg
from inbox_lifecycle.diagram.sequence import FAILURES, Failure, Party, Step, failures_at, told
from inbox_lifecycle.domain.states import Trigger

_LANES = {Party.CALLER: 97, Party.LIBRARY: 300, Party.DATABASE: 575, Party.PROVIDER: 783}
_HEADS_TOP = 88
_FIRST = 160
_STEP = 50
_LABEL_LETTERS = 33
_LOOP = 34
_RED = "#b8323f"

#: What is busy from one step to another, drawn as a bar on the party's lane.
_BARS = (
    (Party.LIBRARY, "seen", "moved", "#cfe0f7"),
    (Party.DATABASE, "open", "seen", "#d9dee6"),
    (Party.PROVIDER, "enable", "accepted", "#d9dee6"),
    (Party.DATABASE, "commit", "moved", "#d9dee6"),
)
#: Heading, left edge, and letters a line, by column of the table.
_COLUMNS = (
    ("what goes wrong", 76, 36),
    ("answer to the caller", 322, 37),
    ("the attempt then is", 570, 45),
)

_SUBTITLE = "From top to bottom when all goes well. The numbers mark where it can end early; the table says how."


def retry_svg() -> str:
    """One `retry_warmup`, drawn."""
    steps = told()
    heights = _heights(steps)
    end = max(heights.values()) + 28
    rows = [*accumulate((_row_height(failure) for failure in FAILURES), initial=end + 52)]
    shapes = [
        *_lanes(end),
        *_bars(heights),
        *(_step(step, heights[step.key]) for step in steps),
        *_headings(end + 34),
        *(_row(number, failure, rows[number - 1]) for number, failure in enumerate(FAILURES, 1)),
    ]
    return svg.card(rows[-1] + 16, f"One {Trigger.RETRY_WARMUP}", _SUBTITLE, shapes)


def _heights(steps: tuple[Step, ...]) -> dict[str, int]:
    below = accumulate((_STEP + svg.LINE_HEIGHT * max(0, len(_more(step)) - 1) for step in steps), initial=_FIRST)
    return {step.key: height for step, height in zip(steps, below, strict=False)}


def _more(step: Step) -> list[str]:
    return svg.wrapped(step.more, _LABEL_LETTERS)


def _lanes(end: int) -> Iterator[str]:
    for party, x in _LANES.items():
        yield svg.path(f"M{x} {_HEADS_TOP + 36} V{end}", kind="thin")
        yield svg.box(x - 65, _HEADS_TOP, 130, 36, fill="#eaf1fb", stroke="#5b82b8", radius=9)
        yield svg.text(x, _HEADS_TOP + 23, party, kind="strong", anchor="middle")


def _bars(heights: dict[str, int]) -> Iterator[str]:
    for party, first, last, fill in _BARS:
        top = heights[first]
        yield svg.box(_LANES[party] - 5, top - 6, 10, heights[last] - top + 12, fill=fill, stroke="#8794a5", radius=3)


def _step(step: Step, y: int) -> str:
    shapes = _loop(step, y) if step.source is step.dest else _message(step, y)
    if step.beside:
        shapes.append(svg.text(_LANES[Party.LIBRARY] - 14, y + 4, step.beside, kind="quiet", anchor="end"))
    return svg.group(f"{step.source} to {step.dest}: {step.what}", shapes)


def _message(step: Step, y: int) -> list[str]:
    source, dest = _LANES[step.source], _LANES[step.dest]
    inward = 7 if source < dest else -7
    kind = "line dashed" if step.answers else "line"
    middle = _label_middle(step)
    return [
        svg.path(f"M{source + inward} {y} H{dest - inward}", kind=kind, head=True),
        svg.text(middle, y - 8, step.what, kind="strong", anchor="middle"),
        *svg.lines_of_text(middle, y + 20, _more(step), kind="quiet", anchor="middle"),
        *_marks(step, max(source, dest) - 30, y),
    ]


def _label_middle(step: Step) -> float:
    """The middle of the gap beside the library's lane, so that no label lies across another lane."""
    reached = _LANES[Party.CALLER if Party.CALLER in step else Party.DATABASE]
    return (_LANES[Party.LIBRARY] + reached) / 2


def _loop(step: Step, y: int) -> list[str]:
    lane = _LANES[step.source] + 7
    return [
        svg.path(f"M{lane} {y - 8} h{_LOOP} v20 h-{_LOOP}", head=True),
        svg.text(lane + _LOOP + 20, y, step.what, kind="strong"),
        *svg.lines_of_text(lane + _LOOP + 20, y + 16, _more(step), kind="quiet"),
        *_marks(step, lane + _LOOP, y + 2),
    ]


def _marks(step: Step, x: float, y: float) -> Iterator[str]:
    numbers = [number for number, _ in failures_at(step)]
    for index, number in enumerate(reversed(numbers)):
        yield from _mark(number, x - 24 * index, y)


def _mark(number: int, x: float, y: float) -> Iterator[str]:
    yield svg.dot(x, y, 9.5, fill=_RED)
    yield svg.text(x, y + 4, str(number), kind="number", anchor="middle")


def _headings(y: int) -> Iterator[str]:
    for heading, x, _ in _COLUMNS:
        yield svg.text(x, y, heading, kind="head")


def _cells(failure: Failure) -> tuple[list[str], ...]:
    told_cells = (failure.what, failure.answer or "none: nobody is left to answer", failure.attempt)
    return tuple(svg.wrapped(cell, letters) for cell, (_, _, letters) in zip(told_cells, _COLUMNS, strict=True))


def _row_height(failure: Failure) -> int:
    return 14 + svg.LINE_HEIGHT * max(map(len, _cells(failure)))


def _row(number: int, failure: Failure, top: int) -> str:
    shapes = [
        svg.path(f"M{svg.MARGIN} {top - 8} H{svg.WIDTH - svg.MARGIN}", kind="thin"),
        *_mark(number, svg.MARGIN + 20, top + 7),
    ]
    for cell, (_, x, _) in zip(_cells(failure), _COLUMNS, strict=True):
        shapes += svg.lines_of_text(x, top + 11, cell)
    return svg.group(f"{number}. {failure.what}", shapes)
