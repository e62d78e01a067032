"""How each database keeps an id, a time and a large number."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Integer, Text, Uuid
from sqlalchemy.types import TypeEngine


def id_type() -> TypeEngine[str]:
    """A UUID; text on SQLite."""
    return Uuid(as_uuid=False).with_variant(Text(), "sqlite")


def time_type() -> TypeEngine[datetime]:
    """A time; on SQLite the text that entries hold, which sorts as time does."""
    return DateTime(timezone=True).with_variant(Text(), "sqlite")


def number_type() -> TypeEngine[int]:
    """A number that may outgrow 32 bits; SQLite knows only one kind, and numbers rows by it."""
    return BigInteger().with_variant(Integer(), "sqlite")
