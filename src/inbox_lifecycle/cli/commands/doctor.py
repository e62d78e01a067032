"""Whether a database is fit for a service, and what has piled up in it."""

from __future__ import annotations

import typer

from inbox_lifecycle.cli.exits import Exit
from inbox_lifecycle.cli.options import Output, Place
from inbox_lifecycle.cli.render import as_json, print_json, print_table

_COLUMNS = ("level", "about", "what", "cure")


def doctor(place: Place, output: Output) -> None:
    """Look for what is wrong with a database or has piled up in it, each with its cure. Changes nothing.

    Run it as the role that the service runs as. It looks at the schema, its guards, the role's rights, a pooler, the
    clocks, attempts left open, stuck inboxes and unsealed events, reads a few rows of each, and ends with 1 where
    something is an error.

    Examples:
      inbox-lifecycle doctor
      inbox-lifecycle doctor --database-url postgresql://app_writer@db.example.com/app --format json
    """
    from inbox_lifecycle.cli.diagnosis import diagnose
    from inbox_lifecycle.cli.findings import Level

    findings = diagnose(place)
    counts = {level: sum(finding.level is level for finding in findings) for level in Level}
    records = [finding.as_dict() for finding in findings]
    if as_json(output):
        print_json({"findings": records, "errors": counts[Level.ERROR], "warnings": counts[Level.WARNING]})
    else:
        print_table(records, _COLUMNS)
    if counts[Level.ERROR]:
        raise typer.Exit(Exit.DAMAGE_FOUND)
