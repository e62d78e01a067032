"""What a signature must not be drawn into: a host's rollback, a false node, a forged row of the checkpoints."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine

from benchmarks.making import load_postgresql, load_sqlite
from inbox_lifecycle import Inboxes, Signer, StepRefused, TreeInconsistent, prepare_sqlite
from tests.support.databases import TestDatabase

SIGNER = Signer.generate("example.com/guarded")

#: A row of the checkpoints that nobody signed.
FORGED = (
    "insert into {s}inbox_checkpoints (origin, size, root, note, signed_at)"
    " values ('example.com/guarded', 1000000, ?, 'x', '2026-01-01T00:00:00.000000Z')"
)


def register(inboxes: Inboxes, number: int) -> str:
    """One more inbox; its id."""
    address = f"ana{number}@mail.example.com"
    return inboxes.register(email_address=address, owner_id="acme", provider="instantly").id


@pytest.mark.parametrize("what", ["checkpoint", "prove"])
def test_nothing_is_signed_inside_a_hosts_transaction(database: TestDatabase, what: str) -> None:
    """Its positions would be gone with a rollback, and the signature would not."""
    engine = create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))
    if database.kind == "sqlite":
        prepare_sqlite(engine)
    with Inboxes(engine, signer=SIGNER) as inboxes, engine.begin() as connection:
        inbox_id = register(inboxes.within(connection), 1)
        operator = inboxes.within(connection).operator(actor="olga")
        with pytest.raises(StepRefused, match="rolled back"):
            operator.checkpoint() if what == "checkpoint" else operator.prove(inbox_id)
    engine.dispose()
    assert database.count("inbox_checkpoints") == 0


def test_a_tree_with_a_false_node_is_not_signed(database: TestDatabase) -> None:
    """What no checkpoint vouches for yet is made anew from the leaves before it is signed."""
    if database.kind == "sqlite":
        load_sqlite(database.path, 130)
    else:
        load_postgresql(database.url, 130)
    with Inboxes(database.url, signer=SIGNER) as inboxes:
        operator = inboxes.operator(actor="olga")
        operator.seal()
        _falsify_a_node(database)
        with pytest.raises(TreeInconsistent, match="not over what is below it"):
            operator.checkpoint()
    assert database.count("inbox_checkpoints") == 0


def test_a_forged_row_of_the_checkpoints_stops_nobody(database: TestDatabase) -> None:
    """The last checkpoint is the largest one that the key signed; verify names the other."""
    with Inboxes(database.url, signer=SIGNER) as inboxes:
        operator = inboxes.operator(actor="olga")
        first = register(inboxes, 1)
        signed = operator.checkpoint()
        database.execute(FORGED, (bytes(32),))
        register(inboxes, 2)
        assert (signed.size, operator.checkpoint().size) == (1, 2)
        assert operator.prove(first).inbox_id == first
        assert {finding.kind for finding in operator.verify().findings} == {"checkpoint"}


def _falsify_a_node(database: TestDatabase) -> None:
    change = "update {s}inbox_tree_nodes set hash = ? where number = 1"
    if database.kind == "sqlite":
        ((text,),) = database.execute("select sql from sqlite_schema where name = 'inbox_tree_nodes_append_only'")
        database.execute("drop trigger inbox_tree_nodes_append_only")
        database.execute(change, (bytes(32),))
        database.execute(text)
        return
    database.execute("alter table {s}inbox_tree_nodes disable trigger inbox_tree_nodes_append_only")
    database.execute(change, (bytes(32),))
    database.execute("alter table {s}inbox_tree_nodes enable always trigger inbox_tree_nodes_append_only")
