"""The part of Instantly's API v2 that the sandbox speaks: a call in, a reply out, over a `Workspace`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from inbox_lifecycle.testing.calls import Call, Routes
from inbox_lifecycle.testing.reply import Reply, answer, error
from inbox_lifecycle.testing.scripts import Failure, Kind, Operation
from inbox_lifecycle.testing.workspace import SandboxAccount, SandboxJob, WarmupCode, Workspace

WARMUP_JOB: Final = "update-warmup-accounts"

_BATCH: Final = 100

ROUTES: Final = Routes(
    {
        ("POST", "/api/v2/accounts/warmup/enable"): Operation.ENABLE,
        ("POST", "/api/v2/accounts/warmup/disable"): Operation.DISABLE,
        ("POST", "/api/v2/accounts/warmup-analytics"): Operation.ANALYTICS,
        ("GET", "/api/v2/accounts/{email}"): Operation.ACCOUNT,
        ("GET", "/api/v2/background-jobs"): Operation.JOBS,
        ("GET", "/api/v2/background-jobs/{id}"): Operation.JOB,
        ("POST", "/api/v2/campaigns/{id}/activate"): Operation.ACTIVATE,
    }
)


class _Emails(msgspec.Struct):
    emails: list[str]


def understand(method: str, target: str, body: bytes) -> Call | Reply:
    """The call that a request makes, or the answer to one that makes none."""
    call = ROUTES.understand(method, target, body)
    if call is None:
        return error(404, "Route not found")
    if call.operation not in {Operation.ENABLE, Operation.DISABLE, Operation.ANALYTICS}:
        return call
    try:
        emails = msgspec.json.decode(body, type=_Emails).emails
    except msgspec.DecodeError:
        return error(400, "body must have property 'emails'")
    if not 1 <= len(emails) <= _BATCH:
        return error(400, f"body/emails must hold 1 to {_BATCH} items")
    return replace(call, emails=tuple(emails))


def perform(workspace: Workspace, call: Call, failure: Failure) -> Reply:
    """Have the effect of a call, and give its good answer."""
    workspace.settle()
    return _PERFORM[call.operation](workspace, call, failure)


def _switch(workspace: Workspace, call: Call, failure: Failure) -> Reply:
    accounts = [account for account in map(workspace.account, call.emails) if account]
    if len(accounts) < len(call.emails):
        return error(404, "Account not found")
    for account in accounts:
        _prepare(account, failure.kind)
    if workspace.locked:
        return error(409, f"{WARMUP_JOB} job in progress")
    seconds = failure.lasts if failure.kind in {Kind.JOB_PENDING, Kind.JOB_FAILS, Kind.JOB_FAILED} else None
    fails = failure.kind in {Kind.JOB_FAILS, Kind.JOB_FAILED}
    job = workspace.submit(accounts, on=call.operation is Operation.ENABLE, seconds=seconds, fails=fails)
    if failure.kind is Kind.JOB_FAILED:
        job.end()
    return answer(_job_body(workspace, job))


def _prepare(account: SandboxAccount, kind: Kind) -> None:
    if kind is Kind.ALREADY_WARMING:
        account.switch(on=True)
    if kind is Kind.BANNED:
        account.warmup_status = WarmupCode.BANNED


def _account(workspace: Workspace, call: Call, failure: Failure) -> Reply:
    account = workspace.account(call.subject)
    if account is None:
        return error(404, "Account not found")
    _prepare(account, failure.kind)
    return answer(_account_body(account))


def _jobs(workspace: Workspace, call: Call, failure: Failure) -> Reply:
    del failure
    statuses = call.query.get("status", "").split(",")
    jobs = [job for job in workspace.jobs.values() if statuses == [""] or job.status in statuses]
    wanted = jobs if call.query.get("type", WARMUP_JOB) == WARMUP_JOB else []
    asked = call.query.get("limit", "")
    limit = min(int(asked), _BATCH) if asked.isdecimal() else _BATCH
    return answer({"items": [_job_body(workspace, job) for job in reversed(wanted)][:limit]})


def _one_job(workspace: Workspace, call: Call, failure: Failure) -> Reply:
    del failure
    job = workspace.jobs.get(call.subject)
    return answer(_job_body(workspace, job)) if job else error(404, "Background job not found")


def _analytics(workspace: Workspace, call: Call, failure: Failure) -> Reply:
    del failure
    accounts = [account for account in map(workspace.account, call.emails) if account]
    measured = [account for account in accounts if account.total_sent is not None]
    return answer(
        {
            "email_date_data": {account.email: _days(account) for account in measured},
            "aggregate_data": {account.email: _totals(account) for account in measured},
        }
    )


def _activate(workspace: Workspace, call: Call, failure: Failure) -> Reply:
    del failure
    if call.subject not in workspace.campaigns and not workspace.accept_unknown:
        return error(404, "Campaign not found")
    workspace.campaigns[call.subject] = True
    return answer({"id": call.subject, "name": "campaign", "status": 1})


_PERFORM: Final[Mapping[Operation, Callable[[Workspace, Call, Failure], Reply]]] = {
    Operation.ENABLE: _switch,
    Operation.DISABLE: _switch,
    Operation.ACCOUNT: _account,
    Operation.JOBS: _jobs,
    Operation.JOB: _one_job,
    Operation.ANALYTICS: _analytics,
    Operation.ACTIVATE: _activate,
}


def _job_body(workspace: Workspace, job: SandboxJob) -> dict[str, object]:
    return {
        "id": job.id,
        "workspace_id": workspace.id,
        "user_id": None,
        "type": WARMUP_JOB,
        "entity_id": None,
        "entity_type": "workspace",
        "data": {"total_to_process": len(job.accounts)},
        "progress": 0 if job.status == "pending" else 100,
        "status": job.status,
        "created_at": job.created_at,
        "updated_at": job.created_at,
    }


def _account_body(account: SandboxAccount) -> dict[str, object]:
    return {
        "email": account.email,
        "organization": "sandbox",
        "status": 1,
        "provider_code": 1,
        "setup_pending": False,
        "warmup_status": account.warmup_status,
        "stat_warmup_score": account.reputation,
        "timestamp_warmup_start": account.warming_since,
        "daily_limit": 30,
    }


def _totals(account: SandboxAccount) -> dict[str, object]:
    sent = account.total_sent or 0
    health = 100 if sent == 0 else round(100 * (1 - account.landed_spam / sent))
    return {
        "sent": sent,
        "landed_inbox": sent - account.landed_spam,
        "landed_spam": account.landed_spam,
        "received": account.total_received,
        "health_score": health,
        "health_score_label": f"{health}%",
    }


def _days(account: SandboxAccount) -> dict[str, Mapping[str, int]]:
    return {day: _day(figures) for day, figures in account.daily.items()}


def _day(figures: Sequence[int]) -> Mapping[str, int]:
    sent, received = figures
    return {"sent": sent, "landed_inbox": sent, "received": received}
