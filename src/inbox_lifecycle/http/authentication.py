"""Finding out who calls: by the API keys of this database, or by one authenticator after the other.

An authenticator is given the bearer token and answers with a `Principal`, or with None, which is a 401 that does not
say why. A host may write its own; `hooks.Authenticate` is its whole contract.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from inbox_lifecycle.errors import AuthenticationUnavailable, InvalidInput, StoreError, StoreUnavailable
from inbox_lifecycle.http.hooks import Authenticate, call
from inbox_lifecycle.http.principal import Principal
from inbox_lifecycle.lifecycle.api_keys import read_token
from inbox_lifecycle.records import ApiKey

if TYPE_CHECKING:
    from inbox_lifecycle.facade import AsyncInboxes, Inboxes

#: Seconds that the database has to say whose a key is.
_PATIENCE = 15.0


class ApiKeys:
    """Callers with an API key of this database, made by `Operator.create_api_key` or `inbox-lifecycle token create`.

    They act in the name of the key's owner, and are on record as `api-key:` and its visible prefix. A key is looked up
    at each request, so that one that was revoked is refused at once. The database role need be no more than a writer.
    """

    def __init__(self, inboxes: Inboxes | AsyncInboxes) -> None:
        """Look keys up there; `Inboxes` is asked in a thread."""
        self._look_up: Callable[[str], ApiKey | Awaitable[ApiKey | None] | None] = inboxes.api_key_of

    async def __call__(self, token: str) -> Principal | None:
        """Who bears this token; None where it is no key that holds.

        Raises:
            StoreUnavailable, SchemaMismatch: the database could not be asked.
        """
        # What is no key of ours by its form, such as a JWT, takes no thread.
        if read_token(token) is None:
            return None
        try:
            with anyio.fail_after(_PATIENCE):
                key = await call(self._look_up, token)
        except TimeoutError:
            raise StoreUnavailable("it took too long") from None
        return None if key is None else Principal(owner_id=key.owner_id, actor=f"api-key:{key.prefix}")


def first_of(*authenticators: Authenticate) -> Authenticate:
    """An authenticator that asks several in turn, until one knows the caller.

    One that cannot tell at the moment does not keep the others from being asked; its error is raised where none of them
    knows the caller.

    Raises:
        InvalidInput: there is none.
    """
    if not authenticators:
        raise InvalidInput("nobody could ever call: pass at least one authenticator")

    async def authenticate(token: str) -> Principal | None:
        failure: AuthenticationUnavailable | StoreError | None = None
        for authenticator in authenticators:
            try:
                principal = await call(authenticator, token)
            except (AuthenticationUnavailable, StoreError) as error:
                failure = failure or error
                continue
            if principal is not None:
                return principal
        if failure is not None:
            raise failure
        return None

    return authenticate
