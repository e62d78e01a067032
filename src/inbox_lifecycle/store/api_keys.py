"""API keys: the visible prefix, by which one is found, and the hash of the token; the token itself never comes here.

Times are the database's own, so that every process agrees on when a key has expired, however its own clock is set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from inbox_lifecycle.records import ApiKey
from inbox_lifecycle.store.rows import read_time_column, stored_bytes
from inbox_lifecycle.store.session import Row, Session

# Not the hash: an auditor may read all the others.
_COLUMNS = "id, prefix, owner_id, label, created_at, created_by, expires_at, revoked_at, revoked_by"

# On PostgreSQL and on SQLite.
_EXPIRES = (
    "statement_timestamp() + make_interval(secs => cast(:lifetime as double precision))",
    "strftime({clock}, 'now', :lifetime || ' seconds') || '000Z'",
)

# Made a second time, as after a lost acknowledgement, it is the key that is there. A keeper may update no other column.
_INSERT = f"""
insert into {{s}}inbox_api_keys (id, prefix, hash, owner_id, label, created_by, created_at, expires_at)
values (cast(:id as {{id}}), cast(:prefix as text), cast(:hash as {{bytes}}), cast(:owner_id as text),
        cast(:label as text), cast(:created_by as text), {{now}}, {{expires}})
on conflict (id) do update set revoked_at = inbox_api_keys.revoked_at
returning {_COLUMNS}
"""  # noqa: S608 - constants only

INSERT_API_KEY_POSTGRESQL, INSERT_API_KEY_SQLITE = (_INSERT.replace("{expires}", expires) for expires in _EXPIRES)

FIND_API_KEY = f"""
select {_COLUMNS}, hash, (revoked_at is null and (expires_at is null or expires_at > {{now}})) as holds
from {{s}}inbox_api_keys where prefix = cast(:prefix as text)
"""  # noqa: S608 - constants and our own schema only

_LIST = f"""
select {_COLUMNS} from {{s}}inbox_api_keys where {{owner}}id > cast(:after as {{id}})
order by id limit cast(:limit as integer)
"""  # noqa: S608 - constants and our own schema only

API_KEYS = _LIST.replace("{owner}", "")
API_KEYS_OF_OWNER = _LIST.replace("{owner}", "owner_id = cast(:owner_id as text) and ")

# One that was revoked stays as it was.
_REVOKE = f"""
update {{s}}inbox_api_keys
set revoked_at = coalesce(revoked_at, {{now}}), revoked_by = coalesce(revoked_by, cast(:revoked_by as text))
where {{which}}
returning {_COLUMNS}
"""  # noqa: S608 - constants and our own schema only

REVOKE_API_KEY_BY_ID = _REVOKE.replace("{which}", "id = cast(:key as {id})")
REVOKE_API_KEY_BY_PREFIX = _REVOKE.replace("{which}", "prefix = cast(:key as text)")


@dataclass(frozen=True, slots=True)
class StoredApiKey:
    """A key with what a token is held against."""

    key: ApiKey
    hash: bytes = field(repr=False)
    #: Whether it is neither revoked nor expired, by the database's clock.
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertApiKey:
    """Put a key on record; run twice with the same id, it is there once."""

    name: ClassVar[str] = "insert_api_key"
    writes: ClassVar[bool] = True
    id: str
    prefix: str
    hash: bytes = field(repr=False)
    owner_id: str
    label: str
    created_by: str
    #: Seconds; None until it is revoked.
    lifetime: float | None

    def run(self, session: Session) -> ApiKey:
        """The key as it is on record."""
        values = {
            "id": self.id,
            "prefix": self.prefix,
            "hash": self.hash,
            "owner_id": self.owner_id,
            "label": self.label,
            "created_by": self.created_by,
            "lifetime": self.lifetime,
        }
        (row,) = session.all(INSERT_API_KEY_SQLITE if session.backend.is_sqlite else INSERT_API_KEY_POSTGRESQL, values)
        return read_api_key(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindApiKey:
    """The key of a prefix."""

    name: ClassVar[str] = "find_api_key"
    writes: ClassVar[bool] = False
    prefix: str

    def run(self, session: Session) -> StoredApiKey | None:
        """The key; None where there is none of that prefix."""
        row = session.one(FIND_API_KEY, {"prefix": self.prefix})
        return None if row is None else StoredApiKey(read_api_key(row), stored_bytes(row[-2]), bool(row[-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeysPage:
    """Keys of an owner or of all, in the order they were made."""

    name: ClassVar[str] = "api_keys_page"
    writes: ClassVar[bool] = False
    #: None for all.
    owner_id: str | None
    after: str
    limit: int

    def run(self, session: Session) -> tuple[ApiKey, ...]:
        """The keys."""
        values = {"owner_id": self.owner_id, "after": self.after, "limit": self.limit}
        rows = session.all(API_KEYS if self.owner_id is None else API_KEYS_OF_OWNER, values)
        return tuple(map(read_api_key, rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey:
    """Refuse a key from now on; one that was revoked stays as it was."""

    name: ClassVar[str] = "revoke_api_key"
    writes: ClassVar[bool] = True
    #: Its id, or its prefix.
    key: str
    by_prefix: bool
    revoked_by: str

    def run(self, session: Session) -> ApiKey | None:
        """The key as it is now; None where there is none."""
        template = REVOKE_API_KEY_BY_PREFIX if self.by_prefix else REVOKE_API_KEY_BY_ID
        row = session.one(template, {"key": self.key, "revoked_by": self.revoked_by})
        return None if row is None else read_api_key(row)


def read_api_key(row: Row) -> ApiKey:
    """The first columns of a row as a key."""
    expires_at, revoked_at = row[6], row[7]
    return ApiKey(
        id=str(row[0]),
        prefix=row[1],
        owner_id=row[2],
        label=row[3],
        created_at=read_time_column(row[4]),
        created_by=row[5],
        expires_at=None if expires_at is None else read_time_column(expires_at),
        revoked_at=None if revoked_at is None else read_time_column(revoked_at),
        revoked_by=row[8],
    )
