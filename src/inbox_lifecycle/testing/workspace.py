"""The sandbox's own state: accounts, campaigns, and the background jobs that switch warmup.

A job is due at an instant and does its work when the state is next looked at (`settle`), so there is no thread that
works on jobs, and with a clock of your own no waiting. The lock of the workspace is the instant until which no further
warmup job is taken: the end of the last job, and `busy_for` seconds more.
"""

import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum


class WarmupCode(IntEnum):
    """Instantly's numbers for the warmup of an account."""

    PAUSED = 0
    ACTIVE = 1
    BANNED = -1
    SPAM_FOLDER_UNKNOWN = -2
    SUSPENDED = -3


@dataclass(slots=True, kw_only=True)
class SandboxAccount:
    """An account of the sandbox."""

    email: str
    warmup_status: int = WarmupCode.PAUSED
    reputation: float | None = None
    #: None: not measured yet, and absent from the analytics.
    total_sent: int | None = None
    total_received: int = 0
    landed_spam: int = 0
    #: Mails sent and received, by `YYYY-MM-DD`.
    daily: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    warming_since: datetime | None = None

    def switch(self, *, on: bool) -> None:
        """Start or pause the warmup; one that is banned or suspended stays so."""
        if self.warmup_status < WarmupCode.PAUSED:
            return
        self.warmup_status = WarmupCode.ACTIVE if on else WarmupCode.PAUSED
        self.warming_since = datetime.now(UTC) if on else self.warming_since


@dataclass(slots=True, kw_only=True)
class SandboxJob:
    """A job that switches warmup."""

    id: str
    accounts: Sequence[SandboxAccount]
    on: bool
    #: Instant of the workspace's clock at which it ends.
    due: float
    fails: bool
    status: str = "pending"
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def end(self) -> None:
        """Do the work, or fail at it."""
        self.status = "failed" if self.fails else "success"
        for account in () if self.fails else self.accounts:
            account.switch(on=self.on)


class Workspace:
    """What the sandbox knows; not thread-safe, the sandbox holds its lock around it."""

    def __init__(
        self, *, clock: Callable[[], float], accept_unknown: bool, job_seconds: float, busy_for: float
    ) -> None:
        self.id = str(uuid.uuid4())
        self.jobs: dict[str, SandboxJob] = {}
        self.campaigns: dict[str, bool] = {}
        self.accept_unknown = accept_unknown
        self.job_seconds = job_seconds
        self.busy_for = busy_for
        self._clock = clock
        self._accounts: dict[str, SandboxAccount] = {}
        self._pending: list[SandboxJob] = []
        self._locked_until = float("-inf")

    @property
    def locked(self) -> bool:
        """Whether no further warmup job is taken now."""
        return self._clock() < self._locked_until

    def settle(self) -> None:
        """Let the jobs that are due do their work, in the order in which they were taken."""
        now = self._clock()
        due = [job for job in self._pending if job.due <= now]
        self._pending = [job for job in self._pending if job.due > now]
        for job in due:
            job.end()

    def account(self, email: str) -> SandboxAccount | None:
        """The account of an address; made at first sight unless unknown addresses are refused."""
        if self.accept_unknown:
            self.add_account(email)
        return self._accounts.get(email.lower())

    def add_account(self, email: str) -> SandboxAccount:
        """The account of an address, made if need be."""
        return self._accounts.setdefault(email.lower(), SandboxAccount(email=email))

    def peek(self, email: str) -> SandboxAccount | None:
        """The account of an address, if there is one."""
        return self._accounts.get(email.lower())

    def submit(self, accounts: Sequence[SandboxAccount], *, on: bool, seconds: float | None, fails: bool) -> SandboxJob:
        """Take a job, and lock the workspace while it runs."""
        due = self._clock() + (self.job_seconds if seconds is None else seconds)
        job = SandboxJob(id=secrets.token_hex(12), accounts=accounts, on=on, due=due, fails=fails)
        self.jobs[job.id] = job
        self._pending.append(job)
        self._locked_until = due + self.busy_for
        return job
