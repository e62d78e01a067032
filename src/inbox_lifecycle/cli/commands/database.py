"""Commands about the database itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from inbox_lifecycle.cli.options import Format, Output, Place
from inbox_lifecycle.cli.render import as_json, print_fields, print_json, show_one


class Kind(StrEnum):
    """What a role may do."""

    WRITER = "writer"
    KEEPER = "keeper"
    AUDITOR = "auditor"


def upgrade(place: Place, output: Output) -> None:
    """Bring the schema to what this version needs, as the tables' owner. Makes an SQLite file that is not there.

    Examples:
      inbox-lifecycle db upgrade
      inbox-lifecycle db upgrade --database-url postgresql://owner@db.example.com/app
    """
    from inbox_lifecycle import upgrade_schema

    show_one(output, {"revision": upgrade_schema(place.database_url, schema=place.schema)})


def check(place: Place, output: Output) -> None:
    """Look whether this version can work on the database, and what about its set-up deserves a warning.

    Example:
      inbox-lifecycle db check
    """
    from inbox_lifecycle.cli.inspection import inspect
    from inbox_lifecycle.store.version import check_revision

    found = inspect(place)
    if as_json(output):
        print_json(found.as_dict())
    else:
        print_fields({**found.as_dict(), "warnings": len(found.warnings)})
        for warning in found.warnings:
            print(f"warning: {warning}")
    check_revision(found.found)


def grant(
    place: Place,
    output: Output,
    *,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The role that the service runs as.")],
    kind: Annotated[
        Kind, typer.Option("--as", help="What it may do: append; erase and prune too; or look only.")
    ] = Kind.WRITER,
    apply: Annotated[bool, typer.Option("--apply", help="Run the statements; printed otherwise.")] = False,
) -> None:
    """Give a PostgreSQL role the rights of its kind, and no more. Prints SQL unless --apply is given.

    A writer works and appends, and takes nothing away; a keeper may erase and prune as well; an auditor only looks.
    What the role could do on these tables before is taken from it. Run it again after each `db upgrade`.

    Examples:
      inbox-lifecycle db grant app_writer | psql
      inbox-lifecycle db grant app_writer --apply
      inbox-lifecycle db grant housekeeping --as keeper --apply
    """
    from inbox_lifecycle.store.roles import apply_grants, grants
    from inbox_lifecycle.store.session import DEFAULT_SCHEMA

    schema = place.schema or DEFAULT_SCHEMA
    statements = grants(kind.value, role, schema)
    if apply:
        apply_grants(place.database_url, role, place.schema, kind.value)
    # SQL even where nobody is looking: it is made to be piped into psql.
    if output.format is Format.JSON:
        print_json({"role": role, "as": kind, "schema": schema, "statements": statements, "applied": apply})
    elif apply:
        print_fields({"role": role, "as": kind, "schema": schema, "statements run": len(statements)})
    else:
        print("".join(f"{statement};\n" for statement in ("begin", *statements, "commit")), end="")
