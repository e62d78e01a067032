"""Commits of several threads in one statement: each is told its own, and nobody waits for anybody for long."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from inbox_lifecycle import Inbox, StoreError, StoreUnavailable
from inbox_lifecycle.drivers import group_commit
from inbox_lifecycle.drivers.group_commit import AT_ONCE, MOST
from inbox_lifecycle.errors import SchemaMismatch, StoreContended
from inbox_lifecycle.store.faults import ConstraintViolated
from tests.support.committing import PATIENCE, Company, Sent, commit_on, moved

#: Numbers of the inboxes whose callers stand in line.
LATER = (11, 12, 13, 14)


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch) -> Company:
    """Callers, whose patience in line is longer than any test."""
    monkeypatch.setattr(group_commit, "CHANCE", PATIENCE)
    return Company()


@pytest.fixture
def busy(company: Company) -> Iterator[list[Sent]]:
    """As many statements under way as may be before others stand in line."""
    begun = [company.begin(commit_on(number)) for number in range(AT_ONCE)]
    yield [sent for _, sent in begun]
    for call, sent in begun:
        if not sent.answer.done():
            sent.succeed()
        call.exception(PATIENCE)


def answers(calls: list[Future[Inbox | None]]) -> list[Inbox | None]:
    """What they were answered."""
    return [call.result(PATIENCE) for call in calls]


def test_a_caller_without_company_goes_alone_and_at_once(company: Company) -> None:
    """Its own statement, as it was given, and its answer as it came."""
    commit = commit_on(1)
    for answer in (moved(commit), None):
        call, sent = company.begin(commit)
        assert (sent.step.statement, call.done()) == (commit, False)
        sent.answer.set_result(answer)
        assert call.result(PATIENCE) is answer


def test_an_error_of_one_that_goes_alone_is_its_own(company: Company) -> None:
    """It goes up as it is, and the next one goes at once."""
    call, sent = company.begin(commit_on(1))
    error = StoreContended("40P01")
    sent.fail(error)
    assert call.exception(PATIENCE) is error
    _, following = company.begin(commit_on(2))
    following.succeed()


def test_those_who_come_while_others_are_under_way_go_together(company: Company, busy: list[Sent]) -> None:
    """The first that comes back makes room for one statement, which commits for all of them, in their order."""
    commits = [commit_on(number) for number in LATER]
    calls = company.stand(*commits)
    busy[0].succeed()
    sent = company.next()
    assert (sent.alone, sent.commits) == (False, tuple(commits))
    sent.succeed()
    assert answers(calls) == [moved(commit) for commit in commits]
    assert company.is_quiet


def test_one_alone_in_line_goes_by_its_own_statement(company: Company, busy: list[Sent]) -> None:
    """Its statement explains a miss."""
    commit = commit_on(11)
    (call,) = company.stand(commit)
    busy[0].succeed()
    sent = company.next()
    assert sent.step.statement is commit
    sent.answer.set_result(None)
    assert call.result(PATIENCE) is None


def test_who_comes_while_a_group_is_under_way_goes_with_the_next(company: Company, busy: list[Sent]) -> None:
    """As many statements as may be are under way, and never more, however many callers there are."""
    first = company.stand(*map(commit_on, LATER[:2]))
    busy[0].succeed()
    group = company.next()
    second = company.stand(*map(commit_on, LATER[2:]))
    assert company.is_quiet
    group.succeed()
    following = company.next()
    assert [sent.commits for sent in (group, following)] == [
        tuple(map(commit_on, numbers)) for numbers in (LATER[:2], LATER[2:])
    ]
    following.succeed()
    answers(first + second)


def test_a_group_waits_no_longer_than_a_share_of_the_least_patience(company: Company, busy: list[Sent]) -> None:
    """What is left of everybody's own suffices to go alone after it."""
    calls = company.stand(commit_on(11, patience=8.0), commit_on(12, patience=2.0))
    busy[0].succeed()
    sent = company.next()
    assert sent.step.patience is None
    assert getattr(sent.step.statement, "patience", None) == pytest.approx(0.2)
    sent.succeed()
    answers(calls)


def test_one_that_the_group_could_not_move_goes_alone(company: Company, busy: list[Sent]) -> None:
    """The others have their answers; its own statement says what is the matter."""
    commits = [commit_on(number) for number in LATER]
    calls = company.stand(*commits)
    busy[0].succeed()
    company.next().succeed(but=commits[1:2])
    sent = company.next()
    assert sent.step.statement is commits[1]
    assert answers([calls[0], *calls[2:]]) == [moved(commit) for commit in (commits[0], *commits[2:])]
    assert not calls[1].done()
    sent.answer.set_result(None)
    assert calls[1].result(PATIENCE) is None
    assert company.is_quiet


def test_a_leader_that_the_group_could_not_move_goes_alone_too(company: Company, busy: list[Sent]) -> None:
    """Meanwhile the next ones are under way: what it waits for is nobody else's affair."""
    commits = [commit_on(number) for number in LATER]
    led = company.stand(*commits[:2])
    busy[0].succeed()
    group = company.next()
    waiting = company.stand(*commits[2:])
    group.succeed(but=commits[:1])
    sent = {company.next() for _ in range(2)}
    assert {each.commits for each in sent} == {(commits[0],), tuple(commits[2:])}
    for each in sent:
        each.succeed()
    assert answers(led + waiting) == [moved(commit) for commit in commits]


@pytest.mark.parametrize(
    "undone", [StoreContended("55P03"), ConstraintViolated("inbox_events_idempotency_key"), SchemaMismatch(None, "1")]
)
def test_a_statement_that_was_undone_sends_everybody_alone(
    company: Company, busy: list[Sent], undone: StoreError
) -> None:
    """What it was undone for is the error of one of them, and of nobody else."""
    commits = [commit_on(number) for number in LATER]
    calls = company.stand(*commits)
    busy[0].succeed()
    company.next().fail(undone)
    sent = [company.next() for _ in commits]
    assert all(each.alone for each in sent)
    by_commit = {each.commits[0]: each for each in sent}
    by_commit[commits[2]].fail(undone)
    for commit in (commits[0], commits[1], commits[3]):
        by_commit[commit].succeed()
    assert calls[2].exception(PATIENCE) is undone
    assert answers([*calls[:2], calls[3]]) == [moved(commit) for commit in (commits[0], commits[1], commits[3])]


@pytest.mark.parametrize("maybe_applied", [True, False])
def test_a_broken_connection_is_told_to_everybody(company: Company, busy: list[Sent], *, maybe_applied: bool) -> None:
    """Each hears it by an error of its own, with what it must know, and nothing is run again behind its back."""
    calls = company.stand(*map(commit_on, LATER))
    busy[0].succeed()
    broken = StoreUnavailable("08006", maybe_applied=maybe_applied)
    company.next().fail(broken)
    told = [call.exception(PATIENCE) for call in calls]
    assert [(type(error), str(error)) for error in told] == [(StoreUnavailable, str(broken))] * len(LATER)
    assert [getattr(error, "maybe_applied", None) for error in told] == [maybe_applied] * len(LATER)
    assert len({id(error) for error in told}) == len(LATER)
    assert [(error.__cause__, error.__context__) for error in told if error] == [(None, None)] * len(LATER)
    assert company.is_quiet


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_a_leader_that_is_struck_leaves_nobody_waiting(
    company: Company, busy: list[Sent], kind: type[BaseException]
) -> None:
    """Those it had taken along are told that nobody knows; those in line behind them are served next."""
    led = company.stand(*map(commit_on, LATER[:3]))
    busy[0].succeed()
    group = company.next()
    (following,) = company.stand(commit_on(LATER[3]))
    group.fail(kind())
    assert isinstance(led[0].exception(PATIENCE), kind)
    for call in led[1:]:
        with pytest.raises(StoreUnavailable) as caught:
            call.result(PATIENCE)
        assert caught.value.maybe_applied
    company.next().succeed()
    assert following.result(PATIENCE) == moved(commit_on(LATER[3]))


def test_one_that_is_struck_alone_lets_the_next_ones_go(company: Company, busy: list[Sent]) -> None:
    """Whoever stands in line is led by somebody else."""
    commits = [commit_on(number) for number in LATER]
    calls = company.stand(*commits)
    busy[0].fail(KeyboardInterrupt())
    company.next().succeed()
    assert answers(calls) == [moved(commit) for commit in commits]


def test_no_inbox_is_in_one_statement_twice(company: Company, busy: list[Sent]) -> None:
    """A second attempt on it waits for the next statement, and those behind it do not."""
    one, other, another = commit_on(11, attempt=1), commit_on(11, attempt=2), commit_on(12)
    calls = company.stand(one, other, another)
    busy[0].succeed()
    first = company.next()
    assert first.commits == (one, another)
    first.succeed()
    second = company.next()
    assert second.step.statement is other
    second.answer.set_result(None)
    assert answers(calls) == [moved(one), None, moved(another)]


def test_more_than_fit_go_in_several_statements(company: Company, busy: list[Sent]) -> None:
    """However many wait, a statement stays of bounded length."""
    commits = [commit_on(100 + number) for number in range(MOST + 3)]
    calls = company.stand(*commits)
    busy[0].succeed()
    first = company.next()
    assert first.commits == tuple(commits[:MOST])
    first.succeed()
    second = company.next()
    assert second.commits == tuple(commits[MOST:])
    second.succeed()
    assert answers(calls) == [moved(commit) for commit in commits]


def test_who_stands_in_line_too_long_goes_alone(
    company: Company, busy: list[Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that are under way wait for something: that is no reason to wait with them."""
    monkeypatch.setattr(group_commit, "CHANCE", 0.001)
    call, sent = company.begin(commit_on(11))
    assert sent.alone
    sent.succeed()
    assert call.result(PATIENCE) == moved(commit_on(11))
    assert not any(slow.answer.done() for slow in busy)


def test_newcomers_are_not_held_up_by_the_slow_ones(
    company: Company, busy: list[Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once somebody has waited in vain nobody counts on the slow ones; that they come back later spoils nothing."""
    with monkeypatch.context() as hasty:
        hasty.setattr(group_commit, "CHANCE", 0.001)
        company.begin(commit_on(11))[1].succeed()
    # In line these would be quiet for longer than the test has patience.
    begun = [company.begin(commit_on(20 + number)) for number in range(AT_ONCE)]
    waiting = company.stand(*map(commit_on, LATER))
    for slow in busy:
        slow.succeed()
    assert (company.waiting, company.is_quiet) == (len(LATER), True)
    begun[0][1].succeed()
    group = company.next()
    assert group.commits == tuple(map(commit_on, LATER))
    group.succeed()
    begun[1][1].succeed()
    answers(waiting)
    assert company.begin(commit_on(30))[1].alone


def test_a_child_starts_afresh(company: Company, busy: list[Sent]) -> None:
    """Whoever is under way in the parent is not there, and what they had locked is open."""
    with company.group._mutex:  # noqa: SLF001 - as somebody may hold it at the moment of the fork
        company.group.renew()
        begun = [company.begin(commit_on(number)) for number in LATER[:AT_ONCE]]
    for call, sent in begun:
        sent.succeed()
        assert call.result(PATIENCE) == moved(sent.commits[0])
    assert not any(parents.answer.done() for parents in busy)
