"""Listing and looking: pages, filters, what a host adds, histories in pages, and proofs."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from types import CodeType, FrameType
from typing import Any

import pytest

from inbox_lifecycle import Inbox, InvalidInput, Signer, verify_bundle
from inbox_lifecycle.http import create_router, rows
from inbox_lifecycle.http.facts import FACTS
from inbox_lifecycle.http.parameters import LARGEST_PAGE
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import ACTIVE, ANA, OWNER, WARMING, adopted, born, crosswise, lead_back
from tests.support.faces import AnyFace, LoopThread
from tests.support.hosting import Host, Site, site_of
from tests.support.serving import Web

ACCOUNTS = "/api/email/accounts"


def pages(site: Site, path: str, key: str, **query: Any) -> Iterator[list[dict[str, Any]]]:
    """The pages behind a path, one after another, to the end."""
    after: Any = None
    for _ in range(20):
        page = site.get(path, params={**query, **({} if after is None else {"after": after})}).json()
        yield page[key]
        after = page["next_after"]
        if after is None:
            return
    pytest.fail("the pages have no end")


@crosswise
def test_accounts_come_newest_first_all_of_them_or_by_pages(site: Site, face: AnyFace) -> None:
    """Without a limit there is no word of pages, as the original has none."""
    ids = [born(face, f"a{number}@mail.example.com").id for number in range(5)]
    everything = site.get(ACCOUNTS).json()
    assert list(everything) == ["accounts"]
    assert [account["id"] for account in everything["accounts"]] == ids[::-1]
    assert [len(page) for page in pages(site, ACCOUNTS, "accounts", limit=2)] == [2, 2, 1]
    assert [one["id"] for page in pages(site, ACCOUNTS, "accounts", limit=2) for one in page] == ids[::-1]
    mark = site.get(f"{ACCOUNTS}?limit=2").json()["next_after"]
    rest = site.get(ACCOUNTS, params={"after": mark}).json()
    assert [account["id"] for account in rest["accounts"]] == ids[:3][::-1]


@pytest.mark.parametrize(("make", "database"), [("sync", "sqlite")], indirect=True)
def test_a_list_is_whole_however_many_rows_it_has(site: Site, face: AnyFace, loop_thread: LoopThread) -> None:
    """Without a limit the answer has more accounts than the library gives at once; the loop builds but few."""
    ids = [born(face, f"a{number}@mail.example.com").id for number in range(LARGEST_PAGE + 1)]
    with calls_on(loop_thread, rows.account_of.__code__) as built:
        assert [account["id"] for account in site.get(ACCOUNTS).json()["accounts"]] == ids[::-1]
    # Of the second page.
    assert len(built) == 1
    with calls_on(loop_thread, rows.account_of.__code__) as built:
        site.get(f"{ACCOUNTS}?limit=2")
    assert len(built) == 2


@contextmanager
def calls_on(loop_thread: LoopThread, code: CodeType) -> Iterator[list[str]]:
    """The calls of a function on the event loop's own thread, as its interpreter tells of them."""
    calls: list[str] = []

    def look(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code is code:
            calls.append(event)

    async def put(profile: Any) -> None:
        sys.setprofile(profile)

    asyncio.run_coroutine_threadsafe(put(look), loop_thread.loop).result(30)
    try:
        yield calls
    finally:
        asyncio.run_coroutine_threadsafe(put(None), loop_thread.loop).result(30)


@crosswise
def test_accounts_are_found_by_status_and_domain(site: Site, face: AnyFace) -> None:
    """Each filter alone and all together."""
    born(face)
    active = adopted(face, ACTIVE, "b@other.example.org")
    warm = adopted(face, WARMING, "c@other.example.org")

    def found(query: str) -> list[str]:
        return [account["id"] for account in site.get(f"{ACCOUNTS}?{query}").json()["accounts"]]

    assert found("status=active") == found("warmup_status=active&domain=OTHER.example.org") == [active.id]
    assert found("domain=other.example.org") == [warm.id, active.id]
    assert found("status=banned&domain=other.example.org") == []


@crosswise
def test_an_account_is_found_by_its_id_in_any_case(site: Site, face: AnyFace) -> None:
    """The answer is the one row, as the list has it."""
    inbox = born(face)
    listed = site.get(ACCOUNTS).json()["accounts"][0]
    assert site.get(f"{ACCOUNTS}/{inbox.id.upper()}").json() == {"account": listed}
    assert listed["instantly_account_id"] == ANA


@crosswise
def test_a_provider_that_has_an_id_of_its_own_is_told_by_it(site: Site, face: AnyFace) -> None:
    """In the field that the original has for it."""
    born(face, provider_ref="mailbox-17")
    assert site.get(ACCOUNTS).json()["accounts"][0]["instantly_account_id"] == "mailbox-17"


@crosswise
def test_a_host_adds_fields_and_takes_none_away(make: MakeFace, host: Host, web: Web) -> None:
    """Values of the usual kinds become JSON; one named like a field of ours is dropped."""
    face = make()

    def present(inbox: Inbox) -> dict[str, object]:
        at = datetime(2026, 3, 4, tzinfo=UTC)
        return {"id": "mine", "status": "fine", "display_name": f"<{inbox.version}>", "since": at, "limit": Decimal(30)}

    inbox = born(face)
    with site_of(web, host.application(face, present=present)) as site:
        account = site.retry(inbox).json()["account"]
        assert (account["id"], account["status"], account["display_name"]) == (inbox.id, "warming", "<2>")
        assert (account["since"], account["limit"]) == ("2026-03-04T00:00:00Z", "30")
        assert site.get(ACCOUNTS).json()["accounts"] == [account]


@crosswise
def test_what_was_done_is_answered_though_the_host_fails(
    face: AnyFace, host: Host, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the host's fields, for one account and for many; the log has type, place and request, and no text."""

    def present(inbox: Inbox) -> dict[str, object]:
        if inbox.status.value == "warming":
            raise LookupError(inbox.email_address)
        return {"handle": object()}

    inbox, _ = born(face), born(face, "bo@mail.example.com")
    with site_of(web, host.application(face, present=present)) as site, caplog.at_level(logging.ERROR):
        moved = site.retry(inbox, headers={"X-Request-ID": "r-5"})
        assert (moved.status_code, moved.json()["account"]["status"]) == (200, "warming")
        assert site.get(f"{ACCOUNTS}/{inbox.id}").json() == moved.json()
        assert [set(one) == set(moved.json()["account"]) for one in site.get(ACCOUNTS).json()["accounts"]] == [True] * 2
    told = [getattr(record, FACTS) for record in caplog.records]
    assert [facts["error"] for facts in told] == ["LookupError"] * 2 + [told[2]["error"]]
    assert (told[0]["request_id"], told[0]["at"].rpartition(":")[0]) == ("r-5", f"{__name__}:present")
    assert ANA not in caplog.text


@crosswise
def test_a_history_and_its_attempts_come_in_pages(site: Site, face: AnyFace) -> None:
    """In order, each once, and as the facade has them."""
    inbox = born(face)
    for _ in range(3):
        assert site.retry(inbox).status_code == 200
        lead_back(face, inbox)
    path = f"{ACCOUNTS}/{inbox.id}"
    events = [event for page in pages(site, f"{path}/history", "history", limit=3) for event in page]
    assert [event["version"] for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert [event["hash"] for event in events] == [event.hash.hex() for event in face.history(inbox.id, owner_id=OWNER)]
    attempts = [one for page in pages(site, f"{path}/attempts", "attempts", limit=1) for one in page]
    assert [one["id"] for one in attempts] == [one.id for one in face.attempts(inbox.id, owner_id=OWNER)]
    assert [len(page) for page in pages(site, f"{path}/history", "history", limit=7)] == [7]
    assert site.get(f"{path}/history?after=7").json() == {"history": [], "next_after": None}
    assert site.get(f"{path}/history?after=2000000000").json() == {"history": [], "next_after": None}
    assert site.get(f"{path}/attempts?after=ffffffff-ffff-4fff-bfff-ffffffffffff").json()["attempts"] == []


@crosswise
def test_a_proof_proves(make: MakeFace, host: Host, web: Web) -> None:
    """The file that comes is the bundle, as JSON lines; without a key there is no such route."""
    signer = Signer.generate("log.example/inboxes")
    face = make(signer=signer)
    inbox = born(face)
    with site_of(web, host.application(face)) as site:
        assert site.retry(inbox).status_code == 200
        answer = site.get(f"{ACCOUNTS}/{inbox.id}/proof")
    assert answer.headers["Content-Type"] == "application/jsonl"
    proven = verify_bundle(answer.text, signer.verifier)
    assert (proven.inbox_id, proven.version, proven.pair) == (inbox.id, 2, WARMING)
    assert proven.contexts[2]["actor"] == "ana"
    with site_of(web, host.application(make())) as site:
        assert site.get(f"{ACCOUNTS}/{inbox.id}/proof").status_code == 404


@crosswise
def test_figures_that_cannot_be_had_are_named(site: Site, face: AnyFace, provider_sandbox: Sandbox) -> None:
    """They are no entry that lacks its fields, and not left out either; what moves is told with them."""
    measured, unmeasured = adopted(face, WARMING), adopted(face, WARMING, "bo@mail.example.com")
    banned = adopted(face, WARMING, "cy@mail.example.com")
    provider_sandbox.set_account(ANA, warmup_status=1, reputation=50, total_sent=10, total_received=7, landed_spam=1)
    provider_sandbox.set_account("bo@mail.example.com", warmup_status=1)
    provider_sandbox.set_account("cy@mail.example.com", warmup_status=-1, total_sent=1)
    answer = site.get(f"{ACCOUNTS}/warmup-analytics").json()
    assert answer["analytics"][measured.id]["landed_spam"] == 1
    assert set(answer["unavailable"]) == {unmeasured.id}
    assert answer["unavailable"][unmeasured.id]["reason"]
    assert answer["transitions"] == {banned.id: {"status": "banned", "warmup_status": "banned"}}
    assert answer["analytics"][banned.id]["instantly_warmup_status"] == -1
    moved = face.history(banned.id, owner_id=OWNER)[-1]
    assert (moved.name, moved.context.actor) == ("inbox.banned", "ana")


def test_what_is_no_facade_is_refused_at_once(host: Host) -> None:
    """And not at the first request."""
    with pytest.raises(InvalidInput, match="Inboxes"):
        create_router(object(), authenticate=host.authenticate)  # type: ignore[arg-type]
