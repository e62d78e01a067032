"""What the sandbox will answer to an order, said without asking it: the environment of the lifecycle's model."""

from __future__ import annotations

from dataclasses import dataclass

from inbox_lifecycle.testing import Failure, Kind, WarmupCode

#: What is told in place of an acceptance, by the kind of failure; those not named are heard in full.
_TOLD = {
    Kind.REJECT: "rejected",
    Kind.THROTTLE: "throttled",
    Kind.BUSY: "busy",
    Kind.HANG: "unknown",
    Kind.CUT: "unknown",
    Kind.NOT_JSON: "unknown",
}

#: An account with one of these does not warm, for good.
_DEFINITELY_NOT = (WarmupCode.BANNED, WarmupCode.SUSPENDED)


@dataclass(frozen=True)
class Provider:
    """The provider's state as one call meets it."""

    #: The account's number for its warmup.
    code: int
    #: Whether a warmup job of the workspace is running, so that no other is taken.
    locked: bool

    def enable(self, order: Failure, *, deaf: bool = False) -> str:
        """How the call's outcome is called, `accepted` or why not; where deaf, the account cannot be read."""
        told = self._told(order)
        # On busy and on unknown the account is read, and one that warms is a success.
        if told in ("busy", "unknown") and not deaf and self._code_after(order) == WarmupCode.ACTIVE:
            return "accepted"
        return told

    def read(self, order: Failure | None = None) -> str:
        """What reading the account says: `warming`, `not_warming` (for good), or `unclear`."""
        if order is not None and order.kind is not Kind.SERVE:
            # An account that is gone does not warm; any other failure says nothing.
            return "not_warming" if order.status == 404 else "unclear"
        if self.code == WarmupCode.ACTIVE:
            return "warming"
        if self.code in _DEFINITELY_NOT:
            return "not_warming"
        return "not_warming" if self.code == WarmupCode.PAUSED and not self.locked else "unclear"

    def disabled(self) -> bool:
        """Whether the provider confirms, once told to stop, that the account does not warm."""
        if self.locked:
            return self.code in _DEFINITELY_NOT
        return self.code != WarmupCode.SPAM_FOLDER_UNKNOWN

    def _told(self, order: Failure) -> str:
        kind = order.kind
        if kind is Kind.ERROR:
            return "unavailable" if order.status == 503 else "unknown"
        if kind in _TOLD:
            return _TOLD[kind]
        if kind is Kind.TRUNCATED:
            # Half a body: of a refusal the status is enough.
            return "busy" if self.locked and order.late else "unknown"
        if self.locked:
            return "busy"
        return "rejected" if kind is Kind.JOB_FAILED else "accepted"

    def _code_after(self, order: Failure) -> int:
        """The account's number when it is read because of a busy or an unknown answer."""
        if order.prevents or order.kind is Kind.HANG:
            return self.code
        code = self._prepared(order.kind)
        return code if self.locked or code < WarmupCode.PAUSED else WarmupCode.ACTIVE

    def _prepared(self, kind: Kind) -> int:
        if kind is Kind.BANNED:
            return WarmupCode.BANNED
        if kind is Kind.ALREADY_WARMING and self.code >= WarmupCode.PAUSED:
            return WarmupCode.ACTIVE
        return self.code


def locks(order: Failure, provider: Provider) -> float:
    """Seconds for which an enable under this order locks the workspace."""
    taken = not provider.locked and order.kind in (Kind.JOB_PENDING, Kind.JOB_FAILS)
    return order.lasts if taken else 0.0
