"""The providers that the environment has keys of, and which of them serves an inbox: the one in its row."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox_lifecycle.cli.options import ProviderName, Service, WrongUsage

if TYPE_CHECKING:
    from inbox_lifecycle.domain import Inbox
    from inbox_lifecycle.providers.instantly import Instantly
    from inbox_lifecycle.providers.port import Provider
    from inbox_lifecycle.providers.smartlead import Smartlead


@dataclass(frozen=True, slots=True)
class Providers:
    """A callable from inbox to provider, as facades take it."""

    #: Adapters by the name that rows carry.
    adapters: Mapping[str, Instantly | Smartlead]

    def __call__(self, inbox: Inbox) -> Provider:
        """The provider of this inbox; without a key of it, one that says no to this inbox and stops nobody else."""
        known = self.adapters.get(inbox.provider)
        if known is not None:
            return known
        from inbox_lifecycle.cli.unserved import Unserved

        return Unserved(inbox.provider, _why_none(inbox.provider))

    @property
    def budget(self) -> float:
        """Seconds that a whole call takes at most, whichever provider it asks."""
        from inbox_lifecycle.facade.assembly import DEFAULT_RECORDING_BUDGET

        return max(adapter.budget for adapter in self.adapters.values()) + DEFAULT_RECORDING_BUDGET


def make_providers(service: Service) -> Providers:
    """Those with a key in the environment.

    Raises:
        WrongUsage: there is no key at all, or a setting is malformed.
    """
    adapters = {
        name.value: _made(name, service.provider_url if name is service.provider else None)
        for name in ProviderName
        if os.environ.get(_key_of(name))
    }
    if not adapters:
        raise WrongUsage(f"no key for any provider: set {_key_of(service.provider)}")
    return Providers(adapters)


def _made(name: ProviderName, url: str | None) -> Instantly | Smartlead:
    adapter = _adapter(name)
    try:
        return adapter(api_key=os.environ[_key_of(name)], base_url=url) if url else adapter.from_environment()
    except ValueError as error:
        where = "--provider-url" if url else f"{name.upper()}_BASE_URL"
        raise WrongUsage(f"{_key_of(name)} or {where}: {error}") from None


def _adapter(name: ProviderName) -> type[Instantly | Smartlead]:
    if name is ProviderName.SMARTLEAD:
        from inbox_lifecycle.providers.smartlead import Smartlead

        return Smartlead
    from inbox_lifecycle.providers.instantly import Instantly

    return Instantly


def _key_of(name: ProviderName) -> str:
    return f"{name.upper()}_API_KEY"


def _why_none(provider: str) -> str:
    known = provider in tuple(ProviderName)
    return f"no key, set {_key_of(ProviderName(provider))}" if known else "no adapter of that name here"
