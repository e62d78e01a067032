"""The part of Smartlead's API v1 that its sandbox speaks: a call in, a reply out, over a `Directory`."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import msgspec

from inbox_lifecycle.testing.calls import Call, Routes
from inbox_lifecycle.testing.reply import Reply, answer, wait_header
from inbox_lifecycle.testing.scripts import Kind, Operation

#: The shapes in which figures come: as they are sent, as the reference has them, as the specification has them.
SHAPES: Final = ("live", "documented", "spec")

ROUTES: Final = Routes(
    {
        # One route for both; the body says which.
        ("POST", "/api/v1/email-accounts/{id}/warmup"): Operation.ENABLE,
        ("GET", "/api/v1/email-accounts/{id}/"): Operation.ACCOUNT,
        ("GET", "/api/v1/email-accounts/{id}/warmup-stats"): Operation.ANALYTICS,
        ("GET", "/api/v1/email-accounts/"): Operation.ACCOUNTS,
        ("POST", "/api/v1/campaigns/{id}/status"): Operation.ACTIVATE,
    }
)

#: More than this, and no row comes at all.
_LONGEST_PAGE: Final = 100
_FIRST_ID: Final = 10_607


@dataclass(slots=True, kw_only=True)
class SmartleadAccount:
    """An account of the sandbox."""

    id: int
    email: str
    #: What it logs in with, mostly its address.
    username: str
    #: Every answer about the account has it, in clear.
    password: str = field(default_factory=lambda: f"password_{secrets.token_hex(8)}", repr=False)
    #: `ACTIVE`, `INACTIVE`, `PAUSED` or `BLOCKED`; None before the first warmup.
    warmup_status: str | None = None
    #: Why the provider warms it no more.
    blocked_reason: str | None = None
    reputation: float | None = None
    #: None: not measured yet.
    total_sent: int | None = None
    total_received: int = 0
    landed_spam: int = 0
    #: Mails sent, and replies that came back, by `YYYY-MM-DD`.
    daily: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def warms(self) -> bool:
        """Whether it warms."""
        return self.warmup_status == "ACTIVE" and self.blocked_reason is None


class _Switch(msgspec.Struct):
    warmup_enabled: bool


class _Start(msgspec.Struct):
    status: str


class Directory:
    """What the sandbox knows; not thread-safe, the sandbox holds its lock around it."""

    def __init__(self, *, shape: str, campaigns: dict[str, bool]) -> None:
        self.shape = shape
        self.accounts: dict[str, SmartleadAccount] = {}
        self.campaigns = campaigns

    def add_account(self, email: str) -> SmartleadAccount:
        """The account of an address, made if need be."""
        number = _FIRST_ID + len(self.accounts)
        return self.accounts.setdefault(email.lower(), SmartleadAccount(id=number, email=email, username=email))

    def numbered(self, number: str) -> SmartleadAccount | None:
        """The account of a number, if there is one."""
        return next((account for account in self.accounts.values() if str(account.id) == number), None)

    def understand(self, method: str, target: str, body: bytes) -> Call | Reply:
        """The call that a request makes, or the answer to one that makes none."""
        call = ROUTES.understand(method, target, body)
        if call is None:
            return refuse(405, "Route not found")
        account = None if call.operation is Operation.ACTIVATE else self.numbered(call.subject)
        call = replace(call, emails=(account.email,) if account else ())
        if call.operation is not Operation.ENABLE:
            return call
        try:
            switch = msgspec.json.decode(body, type=_Switch)
        except msgspec.DecodeError:
            return refuse(422, '"warmup_enabled" is required')
        return call if switch.warmup_enabled else replace(call, operation=Operation.DISABLE)

    def perform(self, call: Call, kind: Kind) -> Reply:
        """Have the effect of a call, and give its good answer."""
        if call.operation is Operation.ACCOUNTS:
            return self._page(call)
        if call.operation is Operation.ACTIVATE:
            return self._activate(call)
        account = self.numbered(call.subject)
        if account is None:
            return refuse(404, "Email account not found")
        if kind is Kind.ALREADY_WARMING:
            account.warmup_status = "ACTIVE"
        if kind is Kind.BANNED:
            account.blocked_reason = "spam"
        return _ASKED[call.operation](account, call.operation, self.shape)

    def _page(self, call: Call) -> Reply:
        offset, limit = int(call.query.get("offset", "0")), int(call.query.get("limit", "100"))
        name = call.query.get("username", "").lower()
        found = [account for account in self.accounts.values() if name in account.username.lower()]
        return answer([_row(account) for account in found[offset : offset + limit]] if limit <= _LONGEST_PAGE else [])

    def _activate(self, call: Call) -> Reply:
        try:
            start = msgspec.json.decode(call.body, type=_Start).status == "START"
        except msgspec.DecodeError:
            start = False
        if not start:
            return refuse(400, '"status" must be one of START, PAUSED, STOPPED')
        if call.subject not in self.campaigns:
            return answer({"error": "Campaign not found"}, 404)
        self.campaigns[call.subject] = True
        return answer({"ok": True})


def refuse(status: int, message: str, *, retry_after: float | str | None = None) -> Reply:
    """An error, in one of the four shapes that this provider has for them."""
    body: dict[str, object]
    match status:
        case 200:
            body = {"ok": False, "message": message}
        case 401:
            body = {"message": message}
        case 404:
            body = {"ok": False, "message": message, "errorCode": "ACCOUNT_NOT_FOUND"}
        case 429:
            seconds = {} if retry_after is None else {"retry_after": retry_after}
            body = {"error": {"code": "RATE_LIMIT_EXCEEDED", "message": message, **seconds}}
        case _:
            body = {"error": message}
    return Reply(status, msgspec.json.encode(body), wait_header(retry_after))


def _switch(account: SmartleadAccount, operation: Operation, shape: str) -> Reply:
    del shape
    account.warmup_status = "ACTIVE" if operation is Operation.ENABLE else "INACTIVE"
    message = "Email warmup details updated successfully!"
    return answer({"ok": True, "message": message, "emailAccountId": account.id, "warmupKey": "apple-pear"})


def _detail(account: SmartleadAccount, operation: Operation, shape: str) -> Reply:
    del operation, shape
    details = _details(account)
    if details is not None:
        blocked = account.blocked_reason is not None or account.warmup_status == "BLOCKED"
        details |= {"is_warmup_blocked": blocked, "warmup_reputation": account.reputation}
    return answer({**_credentials(account), "warmup_details": details})


def _row(account: SmartleadAccount) -> dict[str, object]:
    details = _details(account)
    if details is not None:
        details["warmup_reputation"] = f"{account.reputation or 100:g}%"
    return {**_credentials(account), "warmup_details": details}


def _credentials(account: SmartleadAccount) -> dict[str, object]:
    return {
        "id": account.id,
        "from_name": "Sandbox",
        "from_email": account.email,
        "username": account.username,
        "password": account.password,
        "imap_password": account.password,
        "type": "SMTP",
        "message_per_day": 50,
    }


def _details(account: SmartleadAccount) -> dict[str, object] | None:
    if account.warmup_status is None and account.blocked_reason is None:
        return None
    return {
        "id": account.id + 1_000_000,
        "status": account.warmup_status or "INACTIVE",
        "created_at": datetime.now(UTC),
        "reply_rate": 30,
        "blocked_reason": account.blocked_reason,
        "total_sent_count": account.total_sent,
        "total_spam_count": account.landed_spam,
    }


def _stats(account: SmartleadAccount, operation: Operation, shape: str) -> Reply:
    del operation
    sent, spam, days = account.total_sent or 0, account.landed_spam, account.daily.items()
    if shape == "spec":
        inbox = {"total_inbox": sent - spam, "days_in_warmup": len(days)}
        return answer({"total_sent": sent, "total_spam": spam, "warmup_reputation": account.reputation, **inbox})
    if shape == "documented":
        daily = [{"date": day, "sent": figures[0], "spam": 0, "replied": figures[1]} for day, figures in days]
        totals = {"total_sent": sent, "spam_count": spam, "reputation_score": account.reputation}
        return answer({**totals, "daily_stats": daily})
    by_date = [
        {"id": number, "date": day, "sent_count": figures[0], "reply_count": figures[1], "save_from_spam_count": 0}
        for number, (day, figures) in enumerate(days)
    ]
    counts = {"sent_count": sent, "spam_count": spam, "inbox_count": sent - spam}
    counts["warmup_email_received_count"] = account.total_received
    return answer({"id": account.id, **{name: str(count) for name, count in counts.items()}, "stats_by_date": by_date})


_ASKED: Final[Mapping[Operation, Callable[[SmartleadAccount, Operation, str], Reply]]] = {
    Operation.ENABLE: _switch,
    Operation.DISABLE: _switch,
    Operation.ACCOUNT: _detail,
    Operation.ANALYTICS: _stats,
}
