"""The forms of exported records by themselves: names that stay, cells that run nothing, events by the letter."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inbox_lifecycle.audit import forms
from inbox_lifecycle.audit.forms import SOURCE, Form, cell_of, cloud_event, csv_line, line_of, record_of
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import (
    Acceptance,
    AttemptId,
    AttemptKind,
    EventId,
    InboxId,
    Pair,
    Recorder,
    Status,
    WarmupStarted,
    WarmupStatus,
)
from inbox_lifecycle.records import Attempt, FedEvent, RecordedEvent
from tests.support.cloudevents import read_cloud_event

AT = datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
INBOX = InboxId("018f3b5e-0000-7000-8000-000000000001")
PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
WARMING = Pair(Status.WARMING, WarmupStatus.WARMING)
WHO = Context(
    owner_id="acme", actor="zoe", reason="asked", correlation_id="r-1", causation_id="c-1", idempotency_key="k-1"
)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"

EVENT = RecordedEvent(
    inbox_id=INBOX,
    version=2,
    event_id=EventId("018f3b5e-0000-7000-8000-000000000002"),
    name="inbox.warmup_started",
    schema=1,
    event=WarmupStarted(
        attempt_id="a-1",
        kind=AttemptKind.RETRY,
        acceptance=Acceptance.ENABLED,
        job_id=None,
        recorder=Recorder.CALL,
    ),
    left=PENDING,
    reached=WARMING,
    recorded_at=AT,
    context=WHO,
    hash=b"\x01" * 32,
    previous_hash=b"\x02" * 32,
    entry=b'{"as":"written"}',
)
ATTEMPT = Attempt(
    id=AttemptId("018f3b5e-0000-7000-8000-000000000003"),
    inbox_id=INBOX,
    kind=AttemptKind.RETRY,
    seen_version=1,
    seen=PENDING,
    opened_at=AT,
    lease_until=AT.replace(minute=5),
    outcome="throttled",
    closed_at=AT.replace(second=6),
    event_version=None,
    to_disable=False,
    detail={"retry_after": 2},
    context=WHO,
)
FED = FedEvent(7, EVENT)

#: Every text that every database can keep.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
#: The like, made of what spreadsheets look at.
traps = st.text(st.sampled_from("=+-@＝＋－＠;,|\t\r\n '\"\u00a0\u3000\u200b\ufeffa1"))  # noqa: RUF001 - wide on purpose

#: Whatever a spreadsheet may pass over before it looks whether a formula begins.
_PASSED_OVER = (
    ' \t\r\n\v\f"\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\u200b\u200c\u200d\u2060\ufeff\x01\x08\x1f\x85'
)
_FORMULA = "=+-@＝＋－＠"  # noqa: RUF001 - wide ones on purpose


def recovered(cell: str) -> str | None:
    """The text of a cell, by the documented rule."""
    return re.sub(r"(^|[;\t\r\n])'", r"\1", cell) if cell else None


def read_csv(text: str) -> list[list[str]]:
    """The records, as any reader of CSV has them."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_an_events_record_has_these_names_in_this_order() -> None:
    """People's programs read them, so they stay."""
    assert json.dumps(record_of(EVENT)) == json.dumps(
        {
            "inbox_id": INBOX,
            "version": 2,
            "event_id": "018f3b5e-0000-7000-8000-000000000002",
            "name": "inbox.warmup_started",
            "schema": 1,
            "payload": {
                "attempt_id": "a-1",
                "kind": "retry",
                "acceptance": "enabled",
                "job_id": None,
                "recorder": "call",
            },
            "from": {"status": "pending", "warmup_status": "not_started"},
            "to": {"status": "warming", "warmup_status": "warming"},
            "recorded_at": "2030-01-02T03:04:05.000678Z",
            "owner_id": "acme",
            "actor": "zoe",
            "reason": "asked",
            "correlation_id": "r-1",
            "causation_id": "c-1",
            "idempotency_key": "k-1",
            "hash": "01" * 32,
            "previous_hash": "02" * 32,
            "entry": '{"as":"written"}',
        }
    )


def test_a_fed_events_record_has_its_position_first() -> None:
    """And is the event's but for that."""
    assert json.dumps(record_of(FED)) == json.dumps({"position": 7, **record_of(EVENT)})


def test_an_attempts_record_has_these_names_in_this_order() -> None:
    """People's programs read them, so they stay."""
    assert json.dumps(record_of(ATTEMPT)) == json.dumps(
        {
            "id": "018f3b5e-0000-7000-8000-000000000003",
            "inbox_id": INBOX,
            "kind": "retry",
            "seen_version": 1,
            "opened_at": "2030-01-02T03:04:05.000678Z",
            "lease_until": "2030-01-02T03:05:05.000678Z",
            "outcome": "throttled",
            "closed_at": "2030-01-02T03:04:06.000678Z",
            "event_version": None,
            "to_disable": False,
            "detail": {"retry_after": 2},
            "seen": {"status": "pending", "warmup_status": "not_started"},
            "owner_id": "acme",
            "actor": "zoe",
            "reason": "asked",
            "correlation_id": "r-1",
            "causation_id": "c-1",
            "idempotency_key": "k-1",
        }
    )


@pytest.mark.parametrize(
    ("item", "header"),
    [(EVENT, forms.EVENT_HEADER), (FED, forms.FEED_HEADER), (ATTEMPT, forms.ATTEMPT_HEADER)],
    ids=["event", "fed", "attempt"],
)
def test_each_column_of_csv_stands_under_its_name(item: Any, header: tuple[str, ...]) -> None:
    """One cell for each name, a pair's two words apart, and nothing left over."""
    ((row),) = read_csv(line_of(item, Form.CSV, SOURCE))
    cells = dict(zip(header, row, strict=True))
    for name, value in record_of(item).items():
        if name in ("from", "to", "seen"):
            assert (cells.pop(f"{name}_status"), cells.pop(f"{name}_warmup_status")) == tuple(value.values())
        elif name in ("payload", "detail"):
            assert json.loads(cells.pop(name)) == value
        elif isinstance(value, bool):
            assert cells.pop(name) == ("true" if value else "false")
        else:
            assert cells.pop(name) == ("" if value is None else str(value))
    assert cells == {}


def test_numbers_stay_numbers_and_texts_are_quoted() -> None:
    """So that a spreadsheet counts with the ones and does not guess at the others."""
    assert line_of(FED, Form.CSV, SOURCE).startswith(f'7,"{INBOX}",2,"')


def test_null_and_an_empty_text_are_told_apart() -> None:
    """The one is an empty cell, the other a single quote."""
    line = line_of(replace(EVENT, context=Context(actor="", reason=None)), Form.CSV, SOURCE)
    cells = dict(zip(forms.EVENT_HEADER, read_csv(line)[0], strict=True))
    assert (cells["actor"], cells["reason"]) == ("'", "")
    assert (recovered(cells["actor"]), recovered(cells["reason"])) == ("", None)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("moved by hand", "moved by hand"),
        ("a - b = c", "a - b = c"),
        ("-1", "'-1"),
        ("=1+2", "'=1+2"),
        ("  \u00a0@sum", "'  \u00a0@sum"),
        ('"=1"', '\'"=1"'),
        ("＝1", "'＝1"),  # noqa: RUF001 - a wide one on purpose
        ("'quoted'", "''quoted'"),
        ("\tx", "'\tx"),
        ("a;=1", "a;'=1"),
        ("a; b", "a; b"),
        ("one\n=two", "one\n'=two"),
        ("", "'"),
    ],
)
def test_a_cell_is_its_text_with_a_quote_where_a_formula_could_begin(text: str, cell: str) -> None:
    """What looks harmless stays as it is."""
    assert cell_of(text) == cell


@given(texts | traps)
@example("=cmd|' /C calc'!A0")
@example("x;=cmd|' /C calc'!A0;y")
@example("\ufeff=1")
@example("'")
def test_no_cell_begins_like_a_formula(text: str) -> None:
    """Nor does what a spreadsheet would divide it into, blanks and quotes passed over."""
    ((cell,),) = read_csv(csv_line([cell_of(text)]))
    assert not cell.startswith((*_FORMULA, "\t", "\r", "\n"))
    for part in re.split("[;\t\r\n]", cell):
        assert not part.lstrip(_PASSED_OVER).startswith(tuple(_FORMULA))
    assert not cell.lstrip(_PASSED_OVER).startswith(tuple(_FORMULA))


@given(texts | traps)
@example("'")
@example("")
@example("'=1;'=2")
@example("\t\t=")
def test_the_text_of_a_cell_can_be_had_back(text: str) -> None:
    """By dropping the quote at its beginning and those after what divides."""
    ((cell,),) = read_csv(csv_line([cell_of(text)]))
    assert recovered(cell) == text


@given(texts | traps, texts | traps)
def test_any_actor_and_reason_come_out_of_csv_as_they_went_in(actor: str, reason: str) -> None:
    """Whatever they hold, a record stays one record and every other cell what it was."""
    event = replace(EVENT, context=replace(WHO, actor=actor, reason=reason))
    (row,) = read_csv(line_of(event, Form.CSV, SOURCE))
    cells = dict(zip(forms.EVENT_HEADER, row, strict=True))
    assert (recovered(cells.pop("actor")), recovered(cells.pop("reason"))) == (actor, reason)
    (usual,) = read_csv(line_of(EVENT, Form.CSV, SOURCE))
    assert cells == {
        name: cell for name, cell in zip(forms.EVENT_HEADER, usual, strict=True) if name not in ("actor", "reason")
    }


@given(texts | traps)
def test_a_line_of_json_is_one_line_of_ascii(reason: str) -> None:
    """Whatever it holds, and it reads back the same."""
    event = replace(EVENT, context=replace(WHO, reason=reason))
    line = line_of(event, Form.JSON_LINES, SOURCE)
    assert line.isascii()
    assert line.splitlines(keepends=True) == [line]
    assert json.loads(line)["reason"] == reason


def test_an_event_as_a_cloudevent_has_these_members() -> None:
    """What may be personal stands in `data` alone, and the ids by which one follows it among the attributes too."""
    assert read_cloud_event(line_of(FED, Form.CLOUDEVENTS, "https://inboxes.example.com")) == {
        "specversion": "1.0",
        "id": EVENT.event_id,
        "source": "https://inboxes.example.com",
        "type": "inbox-lifecycle.inbox.warmup_started",
        "subject": INBOX,
        "time": "2030-01-02T03:04:05.000678Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:inbox-lifecycle:schema:inbox.warmup_started:1",
        "inboxversion": 2,
        "sequence": "0000000000000000007",
        "correlationid": "r-1",
        "causationid": "c-1",
        "data": {
            "position": 7,
            "payload": record_of(EVENT)["payload"],
            "from": {"status": "pending", "warmup_status": "not_started"},
            "to": {"status": "warming", "warmup_status": "warming"},
            "hash": "01" * 32,
            "previous_hash": "02" * 32,
            "context": WHO.as_dict(),
        },
    }


def test_an_event_of_the_history_as_a_cloudevent_has_no_sequence() -> None:
    """The history of all inboxes has no order but that of each."""
    fed, event = cloud_event(FED), cloud_event(EVENT)
    assert fed.pop("sequence") == "0000000000000000007"
    assert fed["data"].pop("position") == 7
    assert event == fed


def test_an_attempt_as_a_cloudevent_is_one_when_open_and_another_when_closed() -> None:
    """Whoever takes equal ids for the same event would miss the second."""
    open_one = replace(ATTEMPT, outcome=None, closed_at=None, detail=None)
    opened, closed = (read_cloud_event(line_of(one, Form.CLOUDEVENTS, SOURCE)) for one in (open_one, ATTEMPT))
    assert [one["type"] for one in (opened, closed)] == [
        "inbox-lifecycle.attempt.opened",
        "inbox-lifecycle.attempt.closed",
    ]
    assert (opened["id"], closed["id"]) == (f"{ATTEMPT.id}/opened", f"{ATTEMPT.id}/closed")
    assert (opened["time"], closed["time"]) == ("2030-01-02T03:04:05.000678Z", "2030-01-02T03:04:06.000678Z")
    assert (closed["subject"], closed["data"]["outcome"]) == (INBOX, "throttled")
    known = {name: value for name, value in record_of(ATTEMPT).items() if name not in WHO.as_dict()}
    assert closed["data"] == {**{n: v for n, v in known.items() if n != "inbox_id"}, "context": WHO.as_dict()}


def test_the_schema_of_a_cloudevent_is_the_one_its_payload_is_in() -> None:
    """An event written in an older schema is read in today's, and its record still tells which was written."""
    older = replace(EVENT, schema=0)
    assert cloud_event(older)["dataschema"] == "urn:inbox-lifecycle:schema:inbox.warmup_started:1"
    assert record_of(older)["schema"] == 0


def test_a_blank_context_leaves_nothing_behind() -> None:
    """As erasure leaves it: null in the record, left out of the CloudEvent."""
    blank = replace(EVENT, context=Context())
    assert all(record_of(blank)[name] is None for name in WHO.as_dict())
    event = read_cloud_event(line_of(blank, Form.CLOUDEVENTS, SOURCE))
    assert event["data"]["context"] == {}
    assert not {"correlationid", "causationid", "traceparent"} & event.keys()


@pytest.mark.parametrize("name", ["correlation_id", "causation_id"])
def test_an_id_that_names_a_trace_is_told_as_one(name: str) -> None:
    """W3C's own form, and no other."""
    assert cloud_event(replace(EVENT, context=replace(WHO, **{name: TRACE})))["traceparent"] == TRACE
    for near in (TRACE.upper(), TRACE[:-1], f"ff{TRACE[2:]}", f"00-{'0' * 32}{TRACE[35:]}", f"{TRACE}\n"):
        assert "traceparent" not in cloud_event(replace(EVENT, context=replace(WHO, **{name: near})))


@given(texts, texts)
@example("", "a\x07b")
@example("\ufdd0", "\U0001fffe")
@example("\x85", "ok")
def test_an_id_that_no_attribute_can_hold_is_told_in_the_data_alone(correlation_id: str, causation_id: str) -> None:
    """Whatever the ids hold, the event keeps to the specification and loses none."""
    context = replace(WHO, correlation_id=correlation_id, causation_id=causation_id)
    event = read_cloud_event(line_of(replace(EVENT, context=context), Form.CLOUDEVENTS, SOURCE))
    assert event["data"]["context"] == context.as_dict()
    assert event.get("correlationid", correlation_id) == correlation_id
    assert event.get("causationid", causation_id) == causation_id
    if correlation_id.isprintable() and correlation_id:
        assert event["correlationid"] == correlation_id


@given(st.lists(st.integers(0, 2**63 - 1), min_size=2))
def test_sequences_as_texts_have_the_order_of_positions(positions: list[int]) -> None:
    """The extension says that they can be compared as texts."""
    told = [cloud_event(FedEvent(position, EVENT))["sequence"] for position in positions]
    assert [int(text) for text in sorted(told)] == sorted(positions)


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"id": ""},
        {"source": None},
        {"source": "a b"},
        {"source": "1:2"},
        {"type": 1},
        {"subject": ""},
        {"time": "2030-01-02T03:04:05"},
        {"time": "2030-13-02T03:04:05Z"},
        {"datacontenttype": "json"},
        {"dataschema": "relative"},
        {"inboxVersion": 1},
        {"inboxversion": 2**31},
        {"inboxversion": 1.5},
        {"extension": {"a": 1}},
        {"correlationid": "a\nb"},
        {"causationid": "\ufffe"},
        {"data_base64": ""},
    ],
    ids=str,
)
def test_what_is_no_cloudevent_is_seen_to_be_none(change: dict[str, Any]) -> None:
    """The checker of these tests bites."""
    with pytest.raises((AssertionError, ValueError)):
        read_cloud_event(json.dumps(cloud_event(EVENT) | change))


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_what_lacks_a_required_attribute_is_no_cloudevent(name: str) -> None:
    """Any of the four."""
    lacking = {known: value for known, value in cloud_event(EVENT).items() if known != name}
    with pytest.raises(AssertionError):
        read_cloud_event(json.dumps(lacking))
