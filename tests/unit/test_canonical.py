"""Canonical JSON against an independent implementation of RFC 8785, and what is refused at the border."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle.canonical import INTEGER_BOUND, canonical, check_text, read_time, time_text
from inbox_lifecycle.errors import InvalidInput, MalformedText

KEYS = st.text(st.characters(max_codepoint=127, exclude_characters="\x00"), max_size=8)
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
INTEGERS = st.integers(-INTEGER_BOUND + 1, INTEGER_BOUND - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
TIMES = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9990, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone

HALVES = ("\ud83d", "\ude00", "a\ud800b")


class _Word(StrEnum):
    WARM = "wärm"


@settings(deadline=None)
@given(VALUES)
def test_any_value_we_write_has_the_bytes_of_rfc_8785(value: object) -> None:
    """An implementation by others gives the same bytes."""
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # hypothesis cannot say how it nests


@pytest.mark.parametrize(
    "text", [chr(code) for code in (*range(1, 0x20), 0x22, 0x2F, 0x5C, 0x7F, 0x80, 0x2028, 0xFEFF)]
)
def test_a_character_with_a_rule_of_its_own_is_written_as_the_rule_has_it(text: str) -> None:
    """Control characters, quotes, slashes and separators: where encoders differ."""
    assert canonical(text) == rfc8785.dumps(text)


def test_keys_are_sorted_whatever_order_they_come_in() -> None:
    """The same object has one form."""
    assert (
        canonical({"b": 1, "a": {"d": 2, "c": 3}})
        == canonical({"a": {"c": 3, "d": 2}, "b": 1})
        == b'{"a":{"c":3,"d":2},"b":1}'
    )


def test_a_word_is_written_as_its_value() -> None:
    """Enums go into entries as they are stored."""
    assert canonical([_Word.WARM]) == '["wärm"]'.encode()


@pytest.mark.parametrize("text", ["\x00", "a\x00b", *HALVES])
def test_a_text_that_not_every_database_keeps_is_refused(text: str) -> None:
    """NUL and lone surrogates never reach an entry, wherever they stand in it."""
    for value in (text, [text], {"key": {"deep": [text]}}):
        with pytest.raises(MalformedText):
            canonical(value)


@pytest.mark.parametrize("text", ["\x00", *HALVES])
def test_a_refused_text_is_named_and_not_repeated(text: str) -> None:
    """The error says which argument and why; it is a ValueError, as every malformed argument is."""
    with pytest.raises(MalformedText) as refused:
        check_text("reason", "secret" + text)
    assert isinstance(refused.value, InvalidInput)
    assert isinstance(refused.value, ValueError)
    assert refused.value.name == "reason"
    assert "reason" in str(refused.value)
    assert "secret" not in str(refused.value)


@settings(deadline=None)
@given(TEXTS)
def test_any_other_text_passes_unchanged(text: str) -> None:
    """Nothing is normalised on the way."""
    assert check_text("reason", text) == text


@pytest.mark.parametrize("value", [INTEGER_BOUND, -INTEGER_BOUND, 2**64, -(2**64)])
def test_an_integer_that_loses_its_exactness_is_refused(value: int) -> None:
    """Readers that use doubles would see another number."""
    with pytest.raises(ValueError, match="2\\^53"):
        canonical({"count": value})


@pytest.mark.parametrize("value", [INTEGER_BOUND - 1, -INTEGER_BOUND + 1, 0, True])
def test_an_exact_integer_passes(value: int) -> None:
    """Up to the bound, and not beyond."""
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value", [1.0, 0.5, b"bytes", bytearray(1), {1, 2}, object(), datetime(2030, 1, 1, tzinfo=UTC)]
)
def test_a_value_outside_our_part_of_json_is_refused(value: object) -> None:
    """Floats above all, whose form is where implementations differ."""
    with pytest.raises(TypeError, match="no canonical form"):
        canonical({"value": value})


@pytest.mark.parametrize("key", ["schlüssel", "\U0001f600", 1, None])
def test_a_key_that_is_not_ascii_is_refused(key: object) -> None:
    """Beyond ASCII the order by code point is not the order of RFC 8785."""
    with pytest.raises(TypeError, match="key"):
        canonical({key: 1})


@settings(deadline=None)
@given(TIMES)
def test_a_time_reads_back_as_it_was_written(at: datetime) -> None:
    """To the microsecond, and in one form only."""
    text = time_text(at)
    assert read_time(text) == at
    assert len(text) == len("YYYY-MM-DDTHH:MM:SS.ffffffZ")


@settings(deadline=None)
@given(TIMES, TIMES)
def test_times_sort_as_their_texts_do(one: datetime, other: datetime) -> None:
    """SQLite compares them as texts."""
    assert (one < other) == (time_text(one) < time_text(other))


def test_a_time_elsewhere_is_written_in_utc() -> None:
    """The zone is the writer's affair, the instant is the fact."""
    at = datetime(2030, 6, 1, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    assert time_text(at) == "2030-06-01T12:30:00.000000Z"


def test_a_time_without_a_zone_is_refused() -> None:
    """Nobody could tell which instant it is."""
    with pytest.raises(ValueError, match="aware"):
        time_text(datetime(2030, 6, 1))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    "text",
    [
        "2030-06-01T12:30:00Z",
        "2030-06-01T12:30:00.000Z",
        "2030-06-01T12:30:00.000000",
        "2030-06-01T12:30:00.000000+00:00",
        "2030-06-01 12:30:00.000000Z",
        "2030-6-1T12:30:00.000000Z",
        "2030-13-01T12:30:00.000000Z",
        "2030-02-30T12:30:00.000000Z",
        "2030-06-01T24:00:00.000000Z",
        "2030-06-01T12:30:60.000000Z",
        "2030-W22-6T12:30:00.000000Z",
        "2030-06-01T12:30:00,000000Z",
        "2030-06-01T12:30:00.000000z",
        "\uff12030-06-01T12:30:00.000000Z",
        "2030-06-01T12:30:00.000000Z\n",
        " 2030-06-01T12:30:00.000000Z",
        "",
    ],
)
def test_a_time_in_another_form_is_refused(text: str) -> None:
    """There is one way to write an instant, or hashes would differ."""
    with pytest.raises(ValueError, match="time"):
        read_time(text)
