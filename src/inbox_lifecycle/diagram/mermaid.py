"""The pictures as Mermaid text, which code hosts render in place.

Mermaid ends a statement at a semicolon and begins a comment at a hash, so neither may stand in a label.
"""

import textwrap
from collections.abc import Iterator

from inbox_lifecycle.diagram.lifecycle import Arrow, Line, NotDrawable, Picture, picture
from inbox_lifecycle.diagram.sequence import Failure, Party, Step, failures_at, told
from inbox_lifecycle.domain.machine import UNBORN_STATE

_GENERATED = "%% Drawn from the rules by `python -m inbox_lifecycle.diagram`; do not edit."


def lifecycle_mermaid() -> str:
    """The lifecycle as a Mermaid state diagram."""
    shown = picture()
    lines = [
        *(f'state "{pair.status}<br/>{pair.warmup_status}" as {pair.status}' for pair in shown.pairs),
        *map(_arrow, shown.arrows),
        *_note(shown),
    ]
    return _document("stateDiagram-v2", lines)


def retry_mermaid() -> str:
    """One `retry_warmup` with its failure points, as a Mermaid sequence diagram."""
    parties = [f"participant {party}" for party in Party]
    told_lines = [line for step in told() for line in _step(step)]
    return _document("sequenceDiagram", [*parties, *told_lines])


def _document(kind: str, lines: list[str]) -> str:
    broken = [line for line in lines if ";" in line or "#" in line]
    if broken:
        raise NotDrawable(f"Mermaid cannot show a semicolon or a hash: {broken}")
    return "\n".join([_GENERATED, kind, *(f"    {line}" for line in lines)]) + "\n"


def _arrow(arrow: Arrow) -> str:
    source = "[*]" if arrow.source == UNBORN_STATE else arrow.source
    label = [" or ".join(arrow.triggers), f"[{arrow.guard}]" if arrow.guard else "", arrow.event]
    return f"{source} --> {arrow.dest} : {'<br/>'.join(filter(None, label))}"


def _note(shown: Picture) -> Iterator[str]:
    yield f"note right of {shown.pairs[-1].status}"
    yield from (f"    {_legend(line)}" for line in shown.legend)
    yield f"    {shown.footnote}"
    yield "end note"


def _legend(line: Line) -> str:
    guard = f" [{line.guard}]" if line.guard else ""
    return f"{' or '.join(line.triggers)}{guard} from {line.sources} to {line.dest}, {line.event}"


def _step(step: Step) -> Iterator[str]:
    arrow = "-->>" if step.answers else "->>"
    yield f"{step.source}{arrow}{step.dest}: {'<br/>'.join(filter(None, [step.what, step.more]))}"
    if step.beside:
        yield f"Note over {Party.LIBRARY}: {_folded(step.beside)}"
    for number, failure in failures_at(step):
        yield from _failure(number, failure)


def _failure(number: int, failure: Failure) -> Iterator[str]:
    yield f"break {number}. {failure.what}"
    if failure.answer:
        yield f"    {Party.LIBRARY}-->>{Party.CALLER}: {_folded(failure.answer)}"
    yield f"    Note over {Party.LIBRARY}: {_folded(f'attempt: {failure.attempt}')}"
    yield "end"


def _folded(label: str) -> str:
    return "<br/>".join(textwrap.wrap(label, 44))
