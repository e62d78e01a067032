"""Ids: UUIDs of version 7 in their one text form, ordered by time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle.errors import InvalidInput, MalformedId
from inbox_lifecycle.ids import new_id, read_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Beyond these a millisecond is lost in seconds as a float, which matters to nobody.
TIMES = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
NOW = datetime(2030, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
ID = "01a206cc-023e-7931-abea-9f3b1c5d7e20"


@settings(deadline=None)
@given(TIMES)
def test_an_id_has_the_bits_of_version_7(now: datetime) -> None:
    """RFC 9562, section 5.7: 48 bits of milliseconds, the version, random bits around the variant."""
    made = UUID(new_id(now))
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == (now - EPOCH) // timedelta(milliseconds=1)


@settings(deadline=None)
@given(TIMES, TIMES)
def test_ids_sort_as_their_milliseconds_do(one: datetime, other: datetime) -> None:
    """As texts too, which is how SQLite sorts them."""
    if (one - EPOCH) // timedelta(milliseconds=1) == (other - EPOCH) // timedelta(milliseconds=1):
        other += timedelta(milliseconds=1)
    assert (one < other) == (new_id(one) < new_id(other))


def test_ids_of_one_instant_differ() -> None:
    """Seventy-four random bits are drawn for each."""
    assert len({new_id(NOW) for _ in range(1000)}) == 1000


def test_every_random_bit_is_drawn() -> None:
    """None is stuck but the first, which leaves room to count up: over many ids each is seen both ways."""
    made = [UUID(new_id(NOW + timedelta(milliseconds=passed))).int for passed in range(200)]
    drawn = (0x7FF << 64) | ((1 << 62) - 1)
    ones, zeros = 0, 0
    for number in made:
        ones |= number
        zeros |= ~number
    assert ones & drawn == drawn
    assert zeros & drawn == drawn


def test_an_id_is_lower_case_text_with_hyphens() -> None:
    """The one form that is stored and compared."""
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", new_id(NOW))


@pytest.mark.parametrize("value", [ID, ID.upper(), UUID(ID)])
def test_an_id_is_read_in_its_one_form(value: str | UUID) -> None:
    """Text in either case, or a UUID."""
    assert read_id("inbox_id", value) == ID


@pytest.mark.parametrize("version", [1, 4, 7])
def test_an_id_of_any_version_is_read(version: int) -> None:
    """A host's old table keeps its ids."""
    value = str(UUID(int=UUID(ID).int, version=version)) if version != 7 else ID
    assert read_id("inbox_id", value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "ana",
        ID[:-1],
        ID + "0",
        ID.replace("-", ""),
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        f" {ID}",
        "g" + ID[1:],
        None,
        5,
        b"x",
    ],
)
def test_what_is_no_id_is_refused_and_named(value: str) -> None:
    """The error says which argument, and the form to pass; it does not repeat the value."""
    with pytest.raises(MalformedId, match="inbox_id is not a UUID: pass") as refused:
        read_id("inbox_id", value)
    assert isinstance(refused.value, InvalidInput)
    assert not value or str(value) not in str(refused.value)
