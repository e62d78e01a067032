"""Serving the HTTP API."""

from __future__ import annotations

import os
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from inbox_lifecycle.cli.keys import read_signer
from inbox_lifecycle.cli.options import Place, Service, WrongUsage, read_span

if TYPE_CHECKING:
    from inbox_lifecycle import AsyncInboxes
    from inbox_lifecycle.audit.notes import Signer
    from inbox_lifecycle.http import Authenticate

_EXTRA: Final = ("fastapi", "jwt", "uvicorn")
_VARIABLE: Final = "SUPABASE_JWT_SECRET"
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_CALLERS: Final = "Who may call"
_ENDING: Final = "Its end, and its log"


class Auth(StrEnum):
    """Which bearer tokens are good."""

    API_KEYS = "api-keys"
    SUPABASE = "supabase"


class LogFormat(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"


def serve(
    place: Place,
    service: Service,
    *,
    host: Annotated[str, typer.Option(metavar="HOST", help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", help="Any free one where 0.", min=0, max=65535)] = 8000,
    prefix: Annotated[str, typer.Option(metavar="PATH", help="Where the routes begin; / for the root.")] = "/api",
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file with the log's private key; taken from INBOX_LIFECYCLE_SIGNING_KEY unless said. Without one"
            " there is no /proof.",
            show_default=False,
        ),
    ] = None,
    auth: Annotated[
        list[Auth] | None,
        typer.Option(help="Which tokens are good, api-keys unless said; may be repeated.", rich_help_panel=_CALLERS),
    ] = None,
    supabase_url: Annotated[
        str | None,
        typer.Option(
            envvar="SUPABASE_URL",
            metavar="URL",
            help="The Supabase project, such as https://PROJECT.supabase.co: where its signing keys are published, and"
            f" who issues its tokens. A project's secret is taken from {_VARIABLE}.",
            rich_help_panel=_CALLERS,
        ),
    ] = None,
    forwarded_allow_ips: Annotated[
        str | None,
        typer.Option(metavar="IPS", help="Proxies whose X-Forwarded headers are believed.", rich_help_panel=_CALLERS),
    ] = None,
    drain: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long what is in flight may take at the end: 30s, 2m; as long as a call may take unless said.",
            rich_help_panel=_ENDING,
        ),
    ] = None,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(help="Text on a terminal and JSON elsewhere unless said.", rich_help_panel=_ENDING),
    ] = None,
) -> None:
    """Serve the HTTP API, until Ctrl-C or SIGTERM; then finish what is in flight, and end.

    The log goes to standard error: one line when it listens, and one for each request, with ids only. Probes are at
    /livez and /readyz, the OpenAPI document is at /openapi.json. Put a proxy in front for TLS.

    Examples:
      inbox-lifecycle serve --port 8000
      inbox-lifecycle serve --auth api-keys --auth supabase --supabase-url https://PROJECT.supabase.co
    """
    _require_extra()
    from inbox_lifecycle.http import logs, serving

    served = serving.Served(
        host=host,
        port=port,
        prefix=_read_prefix(prefix),
        drain=None if drain is None else read_span("--drain", drain).total_seconds(),
        forwarded_allow_ips=forwarded_allow_ips,
    )
    inboxes = _opened(place, service, _signer(key))
    authenticate = _authenticator(inboxes, auth or [Auth.API_KEYS], supabase_url)
    logs.log_to_stderr(logs.TextLog() if _as_text(log_format) else logs.JsonLog())
    try:
        code = serving.serve(inboxes, authenticate, served)
    except OSError as error:
        raise WrongUsage(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    raise typer.Exit(code)


def _require_extra() -> None:
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in _EXTRA):
        raise WrongUsage("serving needs an extra: pip install 'inbox-lifecycle[http]'")


def _opened(place: Place, service: Service, signer: Signer | None) -> AsyncInboxes:
    from inbox_lifecycle import AsyncInboxes, SchemaMismatch
    from inbox_lifecycle.cli.opening import is_missing
    from inbox_lifecycle.cli.providing import make_providers
    from inbox_lifecycle.store.version import HEAD

    providers = make_providers(service)
    if is_missing(place):
        raise SchemaMismatch(None, HEAD)
    return AsyncInboxes(place.database_url, providers, schema=place.schema, call_budget=providers.budget, signer=signer)


def _signer(file: Path | None) -> Signer | None:
    """The key that proofs are signed with; none where none is named and none is in the environment."""
    from inbox_lifecycle.audit.notes import KEY_VARIABLE

    return read_signer(file) if file is not None or os.environ.get(KEY_VARIABLE) else None


def _authenticator(inboxes: AsyncInboxes, kinds: list[Auth], supabase_url: str | None) -> Authenticate:
    from inbox_lifecycle.http import ApiKeys, first_of

    authenticators: list[Authenticate] = []
    if Auth.API_KEYS in kinds:
        authenticators.append(ApiKeys(inboxes))
    if Auth.SUPABASE in kinds:
        authenticators += _supabase(supabase_url)
    return first_of(*authenticators)


def _supabase(url: str | None) -> list[Authenticate]:
    from inbox_lifecycle.errors import InvalidInput
    from inbox_lifecycle.http import SupabaseTokens

    secret = os.environ.get(_VARIABLE)
    if url is None and not secret:
        raise WrongUsage(f"--auth supabase needs --supabase-url URL, or the project's secret in {_VARIABLE}")
    issuer = None if url is None else f"{url.rstrip('/')}/auth/v1"
    try:
        published = (
            [] if issuer is None else [SupabaseTokens(jwks_url=f"{issuer}/.well-known/jwks.json", issuer=issuer)]
        )
        return [*published, *([SupabaseTokens(secret=secret, issuer=issuer)] if secret else [])]
    except InvalidInput as error:
        raise WrongUsage(f"--supabase-url or {_VARIABLE}: {error}") from None


def _read_prefix(prefix: str) -> str:
    cleaned = prefix.rstrip("/")
    if cleaned and (not cleaned.startswith("/") or not _PREFIX.fullmatch(cleaned)):
        raise WrongUsage("--prefix is a path that begins with a slash, such as /api")
    return cleaned


def _as_text(log_format: LogFormat | None) -> bool:
    return sys.stderr.isatty() if log_format is None else log_format is LogFormat.TEXT
