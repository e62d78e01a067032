"""Commands for proofs: the log's key, checkpoints, bundles, and checking a bundle without any database."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inbox_lifecycle.cli.commands.exporting import Target
from inbox_lifecycle.cli.keys import read_public_key, read_signer, write_key
from inbox_lifecycle.cli.opening import inboxes
from inbox_lifecycle.cli.options import One, Output, Place, Reach, Viewer, WrongUsage
from inbox_lifecycle.cli.remote import Remote, seen_by
from inbox_lifecycle.cli.render import Record, as_json, print_fields, print_json, print_table, show_many, show_one
from inbox_lifecycle.cli.writing import whole_file

if TYPE_CHECKING:
    from inbox_lifecycle.audit.bundles import Proven
    from inbox_lifecycle.audit.checkpoints import Checkpoint
    from inbox_lifecycle.audit.notes import Signer

#: Who asks, where nothing that is recorded names it.
_NOBODY = "inbox-lifecycle"

_CHECKPOINT_COLUMNS = ("origin", "size", "root")
_PROVEN_COLUMNS = ("version", "recorded_at", "name", "to", "actor", "reason")
_NOT_PROVEN = (
    "It is proven under this one key and up to this version only: not that nothing happened since, not that others were"
    " shown the same tree (compare checkpoints for that), and not that what was written down is true."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The log's private key."""

    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file with the log's private key; taken from INBOX_LIFECYCLE_SIGNING_KEY unless said.",
            show_default=False,
        ),
    ] = None

    def signer(self) -> Signer:
        """The key itself."""
        return read_signer(self.key)


def generate_key(
    *,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Whose log it is, best a URL without its scheme: example.com/inboxes.")
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The new file for the private key.", show_default=False)
    ] = None,
) -> None:
    """Make a key for a log. Writes the private key into a new file, and prints the public one, to be handed out.

    The private key is never printed, since terminals and logs of jobs keep what they show. Keep it away from the
    database, and keep a copy: what it signed can be verified without it, but a new key begins to be trusted anew.

    Example:
      inbox-lifecycle key generate --name example.com/inboxes --output log.key > log.pub
    """
    if output is None:
        raise WrongUsage("a private key is not printed, where it could stay on record: say --output FILE")
    from inbox_lifecycle.audit.notes import Signer

    signer = Signer.generate(name)
    write_key(output, signer.text)
    _write(f"{signer.verifier.text}\n")


def public_key(signing: SigningKey) -> None:
    """Print the public key that belongs to a private one: name, id and key, as auditors and witnesses take it.

    Example:
      inbox-lifecycle key public --key log.key > log.pub
    """
    _write(f"{signing.signer().verifier.text}\n")


def checkpoint(
    *,
    signing: SigningKey,
    place: Place,
    target: Target,
    against: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A checkpoint kept elsewhere that the history has to extend; repeatable."),
    ] = None,
) -> None:
    """Sign the history as it stands: a C2SP checkpoint, the size and the root of the tree over all events.

    Seals what waits first. Where nothing is new it is the last one again; where the history does not extend what was
    signed before, nothing is signed. Keep the note where whoever runs this database cannot reach it: it is what shows
    later that the end was cut off, or that all of it was written anew.

    Examples:
      inbox-lifecycle checkpoint --key log.key
      inbox-lifecycle checkpoint --key log.key --against last.note --output today.note
    """
    signer = signing.signer()
    earlier = tuple(_open(file, signer) for file in against or ())
    with inboxes(place, signer=signer) as opened:
        signed = opened.operator(actor=_NOBODY).checkpoint(against=earlier)
    _put(signed.note, target, {"origin": signed.checkpoint.origin, "size": signed.size})


def checkpoints(place: Place, output: Output) -> None:
    """Show every checkpoint that is stored, from the smallest to the largest.

    As JSON it is one a line, with the whole note as it was signed.

    Example:
      inbox-lifecycle checkpoints --format json > checkpoints.jsonl
    """
    with inboxes(place) as opened:
        notes = opened.operator(actor=_NOBODY).checkpoints()
        show_many(output, map(_checkpoint_record, notes), _CHECKPOINT_COLUMNS)


def prove(
    *,
    one: One,
    viewer: Viewer,
    signing: SigningKey,
    reach: Reach,
    target: Target,
    no_openings: Annotated[
        bool, typer.Option("--no-openings", help="Leave out who, why and the address; the events stay proven.")
    ] = False,
) -> None:
    """Write a bundle: an inbox's history with everything it takes to check it offline, under the log's public key.

    Whoever gets the bundle gets the address and who did what and why, in the clear, unless --no-openings is given; what
    was opened to somebody stays known to them, even after an erasure.

    Examples:
      inbox-lifecycle prove ID --owner acme --key log.key > ana.bundle
      inbox-lifecycle prove ID --as-operator olga --key log.key --no-openings --output ana.bundle
    """
    signer = None if reach.api else signing.signer()
    with seen_by(viewer, reach, signer=signer) as seen:
        if isinstance(seen, Remote):
            text = seen.calls.prove(one.needed)
        else:
            text = seen.calls.prove(one.needed, **seen.scope, openings=not no_openings).text()
    from inbox_lifecycle.audit.bundles import parse_bundle

    bundle = parse_bundle(text)
    _put(text, target, {"inbox_id": bundle.inbox_id, "events": len(bundle.events)})


def verify_bundle(
    *,
    output: Output,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The bundle; - reads standard input.")],
    key: Annotated[
        str, typer.Option(metavar="PUBKEY", help="The log's public key, as text or the file that holds it.")
    ],
) -> None:
    """Check a bundle offline, with no database: signatures, tree, chain, head and openings. Prints what it proves.

    Have the public key from its owner, by another way than the bundle came. Ends with 52 if anything does not hold.

    Examples:
      inbox-lifecycle verify-bundle ana.bundle --key log.pub
      inbox-lifecycle verify-bundle - --key example.com/inboxes+3f9a2c41+AZc... < ana.bundle
    """
    verifier = read_public_key(key)
    text = _read_bundle(file)
    from inbox_lifecycle.audit.bundles import verify_bundle as check

    proven = check(text, verifier)
    events = [_proven_event(proven, number) for number in range(proven.version)]
    if as_json(output):
        print_json({**_proven_record(proven), "events": events, "not_proven": _NOT_PROVEN})
        return
    print_fields(_proven_record(proven))
    print_table(events, _PROVEN_COLUMNS)
    print(_NOT_PROVEN)


def _open(file: Path, signer: Signer) -> Checkpoint:
    from inbox_lifecycle.audit.checkpoints import open_checkpoint

    try:
        # As bytes: reading as text would turn line ends into others.
        note = file.read_bytes().decode(errors="surrogateescape")
    except OSError as failure:
        raise WrongUsage(f"{file} cannot be read: {failure.strerror}") from None
    return open_checkpoint(note, signer.verifier)


def _read_bundle(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as failure:
        raise WrongUsage(f"the bundle cannot be read: {failure.strerror}") from None
    # What is not UTF-8 is refused with everything else that is no bundle.
    return content.decode(errors="surrogateescape")


def _put(text: str, target: Target, about: Record) -> None:
    """Write it where it is wanted; where that is a file, say what it holds."""
    if target.output is None:
        _write(text)
        return
    with whole_file(target.output, force=target.force) as file:
        file.write(text)
    show_one(Output(), {"file": str(target.output), **about})


def _write(text: str) -> None:
    # In UTF-8 as a file is, whatever a terminal would have: signatures are over these bytes.
    sys.stdout.buffer.write(text.encode())


def _checkpoint_record(note: str) -> Record:
    # As it is stored, not as it should be: whether it holds is for `verify` to say.
    origin, size, root, *_ = [*note.split("\n"), "", "", ""]
    return {"origin": origin, "size": int(size) if size.isdecimal() else size, "root": root, "note": note}


def _proven_record(proven: Proven) -> Record:
    return {
        "origin": proven.origin,
        "tree_size": proven.tree_size,
        "inbox_id": proven.inbox_id,
        "version": proven.version,
        "status": proven.pair.status,
        "warmup_status": proven.pair.warmup_status,
        "recorded_at": proven.recorded_at,
        "email_address": proven.email_address,
        "opened": len(proven.contexts),
    }


def _proven_event(proven: Proven, number: int) -> Record:
    entry = proven.entries[number]
    reached = entry.reached
    return {
        "version": entry.version,
        "recorded_at": entry.recorded_at,
        "name": entry.name,
        "to": {"status": reached.status, "warmup_status": reached.warmup_status},
        **dict.fromkeys(("actor", "reason")),
        **proven.contexts.get(entry.version, {}),
    }
