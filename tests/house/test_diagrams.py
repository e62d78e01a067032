"""The pictures show what the rules hold: all of it, nothing else, and in their latest form."""

from dataclasses import replace
from pathlib import Path
from xml.parsers import expat

import pytest

from inbox_lifecycle import errors
from inbox_lifecycle.diagram import drawings, lifecycle_mermaid, lifecycle_svg, retry_mermaid, retry_svg
from inbox_lifecycle.diagram.__main__ import main, stale
from inbox_lifecycle.diagram.lifecycle import Arrow, Line, NotDrawable, Picture, picture
from inbox_lifecycle.diagram.lifecycle_svg import draw
from inbox_lifecycle.diagram.sequence import FAILURES, STEPS, Failure, Step, told
from inbox_lifecycle.domain.machine import UNBORN_STATE, Edge, edges
from inbox_lifecycle.domain.rules import RULE_OF
from inbox_lifecycle.domain.states import Pair, Status, Trigger

COMMITTED = Path(__file__).parents[2] / "diagrams"
EDGES = [pytest.param(edge, id=f"{edge.source}-{edge.trigger}-{edge.dest}") for edge in edges()]


def test_committed_pictures_are_what_the_rules_give() -> None:
    """Nobody changed the rules without drawing them again."""
    assert stale(COMMITTED) == ()


def test_committed_directory_holds_no_other_picture_of_ours() -> None:
    """A picture that is no longer drawn does not stay behind."""
    assert set(drawings()) == {path.name for path in COMMITTED.iterdir() if path.suffix in {".mmd", ".svg"}}


@pytest.mark.parametrize("edge", EDGES)
def test_edge_of_the_machine_appears_in_the_mermaid_text(edge: Edge) -> None:
    """Every edge is an arrow, or part of a legend line."""
    assert any(_shows(line.strip(), edge) for line in lifecycle_mermaid().splitlines())


@pytest.mark.parametrize("edge", EDGES)
def test_edge_of_the_machine_appears_in_the_svg(edge: Edge) -> None:
    """Every edge stands in the title of the arrow or the legend line that draws it."""
    assert f"{edge.source} --{edge.trigger}--> {edge.dest}" in _titles(lifecycle_svg())


def test_pictures_hold_no_edge_twice_and_none_of_their_own() -> None:
    """Arrows and legend lines together are the machine's edges, each once."""
    shown = picture()
    drawn = [edge for part in _parts(shown) for edge in part.edges]
    assert sorted(drawn) == list(edges())


@pytest.mark.parametrize("drawn", [lifecycle_mermaid(), lifecycle_svg()], ids=["mermaid", "svg"])
def test_guards_and_events_of_the_rules_are_named(drawn: str) -> None:
    """Each rule's guard and event can be read off the picture."""
    for part in _parts(picture()):
        assert part.event in drawn
        assert f"[{part.guard}]" in drawn or not part.guard


@pytest.mark.parametrize("drawn", [lifecycle_svg(), retry_svg()], ids=["lifecycle", "retry"])
def test_svg_is_well_formed_and_needs_nothing_from_elsewhere(drawn: str) -> None:
    """An XML parser takes it, and it refers to nothing outside itself."""
    expat.ParserCreate().Parse(drawn, True)  # noqa: FBT003 (expat takes it by position only)
    assert "href" not in drawn
    assert "@import" not in drawn


def test_unknown_arrow_is_refused_by_the_layout() -> None:
    """A rule that nobody gave a place is not silently left out."""
    shown = picture()
    novel = Arrow("banned", ("pardon",), "pending", "", "InboxPardoned", ())
    with pytest.raises(NotDrawable, match="no place for the arrow: banned --pardon--> pending"):
        draw(replace(shown, arrows=(*shown.arrows, novel)))


def test_arrow_whose_trigger_got_a_second_name_is_refused_by_the_layout() -> None:
    """A new trigger of an old rule is an unknown arrow too."""
    shown = picture()
    renamed = replace(shown.arrows[0], triggers=(*shown.arrows[0].triggers, "enrol"))
    with pytest.raises(NotDrawable, match="register/enrol"):
        draw(replace(shown, arrows=(renamed, *shown.arrows[1:])))


def test_missing_arrow_is_refused_by_the_layout() -> None:
    """A place whose rule is gone is not silently left empty."""
    shown = picture()
    with pytest.raises(NotDrawable, match="no longer hold the arrow: unborn --register--> pending"):
        draw(replace(shown, arrows=shown.arrows[1:]))


def test_missing_state_is_refused_by_the_layout() -> None:
    """The states of the layout are the states of the rules."""
    shown = picture()
    with pytest.raises(NotDrawable, match="no longer hold the state: banned"):
        draw(replace(shown, pairs=tuple(pair for pair in shown.pairs if pair.status is not Status.BANNED)))


@pytest.mark.parametrize("drawn", [retry_mermaid(), retry_svg()], ids=["mermaid", "svg"])
def test_retry_numbers_every_failure_point(drawn: str) -> None:
    """No failure of the table is left out of a picture."""
    for number, failure in enumerate(FAILURES, 1):
        assert f"{number}. {failure.what}" in drawn


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.what)
def test_failure_answers_with_errors_that_exist(failure: Failure) -> None:
    """A renamed error does not leave its old name in the picture."""
    named = {word.strip(",") for word in failure.answer.split() if word[0].isupper()}
    assert all(hasattr(errors, name) for name in named)


def test_failure_without_a_step_is_refused() -> None:
    """A failure point that stands at no step is not silently left out."""
    with pytest.raises(NotDrawable, match="no step for: The moon falls down"):
        told(failures=(Failure("orbit", "The moon falls down", "", ""),))


def test_failures_out_of_order_are_refused() -> None:
    """The numbers rise from top to bottom."""
    with pytest.raises(NotDrawable, match="order of the steps"):
        told(failures=FAILURES[::-1])


def test_retry_steps_have_keys_of_their_own() -> None:
    """A failure names one step."""
    keys = [step.key for step in STEPS]
    assert len(keys) == len(set(keys))


def test_retry_sends_to_the_provider_between_two_statements() -> None:
    """The picture shows law 1: both database calls have ended before, or begin after, the call to the provider."""
    sent = [step.key for step in STEPS if _leaves_the_library(step)]
    assert sent == ["open", "enable", "commit"]


def test_check_of_fresh_pictures_passes(tmp_path: Path) -> None:
    """What was just drawn is not stale."""
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0


def test_check_of_a_stale_picture_names_it_and_writes_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The check fails, says which picture and what to run, and leaves it as it was."""
    main([str(tmp_path)])
    old = tmp_path / "retry.mmd"
    old.write_text("old")
    assert main(["--check", str(tmp_path)]) == 1
    assert old.read_text() == "old"
    told_lines = capsys.readouterr().err.splitlines()
    assert len(told_lines) == 1
    assert "retry.mmd is stale" in told_lines[0]


def test_check_of_an_empty_directory_names_every_picture(tmp_path: Path) -> None:
    """A missing picture is a stale one."""
    assert stale(tmp_path) == tuple(drawings())


def _parts(shown: Picture) -> list[Arrow | Line]:
    return [*shown.arrows, *shown.legend]


def _shows(line: str, edge: Edge) -> bool:
    rule = RULE_OF[Trigger(edge.trigger)]
    if isinstance(rule.to, Pair):
        source = "[*]" if edge.source == UNBORN_STATE else edge.source
        return line.startswith(f"{source} --> {edge.dest} :") and edge.trigger in line
    return line.startswith(edge.trigger) and edge.source in line and f"to {rule.to.value}" in line


def _titles(drawn: str) -> list[str]:
    titles: list[str] = []
    inside: list[str] = []
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, _: inside.append(name)
    parser.EndElementHandler = lambda _: inside.pop()
    parser.CharacterDataHandler = lambda text: titles.extend(text.split(", ") if inside[-1] == "title" else ())
    parser.Parse(drawn, True)  # noqa: FBT003 (expat takes it by position only)
    return titles


def _leaves_the_library(step: Step) -> bool:
    return step.source == "library" and step.dest in {"database", "provider"}
