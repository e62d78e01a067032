"""API keys, on the sync facades; its twin is `awaiting_keys.py`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from inbox_lifecycle.facade import keying
from inbox_lifecycle.facade.blocking_base import Facade
from inbox_lifecycle.facade.calls import AnyId, read_owner
from inbox_lifecycle.lifecycle import api_keys
from inbox_lifecycle.records import ApiKey, NewApiKey
from inbox_lifecycle.store.looks import FIRST_ID


class KeyReader(Facade):
    """For whoever serves requests."""

    def api_key_of(self, token: str) -> ApiKey | None:
        """The API key that a bearer token is; None where it is none of ours, has expired, or was revoked.

        Read anew each time, so that a revoked key is refused at once. Only a hash is stored, and compared in constant
        time.

        Raises:
            StoreUnavailable, SchemaMismatch: the database could not be asked.
        """
        presented = api_keys.read_token(token)
        return None if presented is None else self._run(api_keys.api_key_of(presented))


class KeyOperator(Facade):
    """For operators."""

    def create_api_key(self, *, owner_id: AnyId, label: str = "", expires_in: timedelta | None = None) -> NewApiKey:
        """Make an API key for an owner; its token is in the answer and nowhere else.

        Args:
            owner_id: in whose name its bearer acts.
            label: what it is for; shown in lists, so put no secret there.
            expires_in: for how long it holds, up to a hundred years; None until it is revoked.

        Raises:
            InvalidInput: the owner, the label or the time span is malformed.
            StoreMisconfigured: the database role is no keeper.
        """
        return self._run(keying.create(self._calls, owner_id=owner_id, label=label, expires_in=expires_in))

    def api_keys(self, *, owner_id: AnyId | None = None) -> Iterator[ApiKey]:
        """The API keys of an owner or of all, oldest first, revoked ones included; never a token."""
        return self._api_keys(None if owner_id is None else read_owner(owner_id))

    def revoke_api_key(self, key: str) -> ApiKey:
        """Refuse a key from now on, named by its id or its visible prefix; one that was revoked stays as it was.

        Raises:
            ApiKeyNotFound: there is no such key.
            StoreMisconfigured: the database role is no keeper.
        """
        return self._run(keying.revoke(self._calls, key))

    def _api_keys(self, owner_id: str | None) -> Iterator[ApiKey]:
        after, full = FIRST_ID, True
        while full:
            page = self._run(api_keys.api_keys_page(owner_id=owner_id, after=after))
            yield from page
            full = len(page) == api_keys.PAGE
            after = page[-1].id if page else after
