"""The original API over this library: a router for a host's application, or an application of its own.

Needs the extra: `pip install 'inbox-lifecycle[http]'`. Names are loaded when they are first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox_lifecycle.http.app import create_app
    from inbox_lifecycle.http.authentication import ApiKeys, first_of
    from inbox_lifecycle.http.health import health_router
    from inbox_lifecycle.http.hooks import Authenticate, CampaignNotLaunchable, Present, SendersOf
    from inbox_lifecycle.http.jwt import SupabaseTokens
    from inbox_lifecycle.http.logs import RequestLog
    from inbox_lifecycle.http.principal import Principal
    from inbox_lifecycle.http.routes import create_router

_HOMES = {
    "inbox_lifecycle.http.app": ("create_app",),
    "inbox_lifecycle.http.authentication": ("ApiKeys", "first_of"),
    "inbox_lifecycle.http.health": ("health_router",),
    "inbox_lifecycle.http.hooks": ("Authenticate", "CampaignNotLaunchable", "Present", "SendersOf"),
    "inbox_lifecycle.http.jwt": ("SupabaseTokens",),
    "inbox_lifecycle.http.logs": ("RequestLog",),
    "inbox_lifecycle.http.principal": ("Principal",),
    "inbox_lifecycle.http.routes": ("create_router",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ApiKeys",
    "Authenticate",
    "CampaignNotLaunchable",
    "Present",
    "Principal",
    "RequestLog",
    "SendersOf",
    "SupabaseTokens",
    "create_app",
    "create_router",
    "first_of",
    "health_router",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
