"""Checking that everything is as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inbox_lifecycle.cli.exits import Exit
from inbox_lifecycle.cli.options import Output, Place, Which, WrongUsage
from inbox_lifecycle.cli.render import as_json, print_fields, print_json, print_table

if TYPE_CHECKING:
    from inbox_lifecycle.audit.checkpoints import Checkpoint
    from inbox_lifecycle.audit.notes import Verifier
    from inbox_lifecycle.audit.verify import Verification

_FINDING_COLUMNS = ("kind", "inbox_id", "version", "position", "attempt_id", "guard", "expected", "found")


def verify(
    which: Which,
    place: Place,
    output: Output,
    *,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A checkpoint kept elsewhere that the history has to extend; repeatable."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="PUBKEY", help="The log's public key, as text or the file that holds it.")
    ] = None,
    jobs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Processes to verify with; 0 for as many as there are cores.")
    ] = 1,
) -> None:
    """Check that everything is as it was written: of one inbox, or of all.

    Rows are what their events make them, versions are dense, entries, hashes and chains are whole, commitments open,
    attempts are accounted for; of all inboxes also: the feed is dense and in order, the tree is the one that was
    signed, and the database's guards stand. Changes nothing. Ends with 1 if there are findings, and names each broken
    place. Only a checkpoint kept elsewhere shows that the end was cut off, or all of it written anew.

    Examples:
      inbox-lifecycle verify
      inbox-lifecycle verify ID
      inbox-lifecycle verify --checkpoint kept.note --key log.pub --jobs 0
    """
    from inbox_lifecycle.cli.verification import Wanted, run

    verifier = None if key is None else _verifier(key)
    against = _opened(checkpoint or [], verifier)
    if which.wanted is not None and (against or verifier):
        raise WrongUsage("checkpoints are of all inboxes: leave out ID, or --checkpoint and --key")
    report = run(place, Wanted(inbox_id=which.wanted, against=against, verifier=verifier, jobs=jobs))
    if as_json(output):
        print_json(report.as_dict())
    else:
        print_report(report)
    if not report.clean:
        raise typer.Exit(Exit.DAMAGE_FOUND)


def print_report(report: Verification) -> None:
    """What was looked at, and what was found."""
    counts = {name: count for name, count in report.as_dict().items() if isinstance(count, int)}
    print_fields(counts | {"findings": len(report.findings)})
    for title, places in (("findings", report.findings), ("worth a look, and no damage", report.notices)):
        if places:
            print(f"\n{title}")
            records = [place.as_dict() for place in places]
            print_table(records, [name for name in _FINDING_COLUMNS if any(one[name] is not None for one in records)])


def _verifier(key: str) -> Verifier:
    from inbox_lifecycle.cli.keys import read_public_key

    return read_public_key(key)


def _opened(files: list[Path], verifier: Verifier | None) -> tuple[Checkpoint, ...]:
    if files and verifier is None:
        raise WrongUsage("a checkpoint says nothing without the key that signed it: --key PUBKEY")
    from inbox_lifecycle.audit.checkpoints import open_checkpoint

    return tuple(open_checkpoint(_text_of(file), verifier) for file in files if verifier is not None)


def _text_of(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        raise WrongUsage(f"{file} cannot be read as text: pass the note as it was written") from None
