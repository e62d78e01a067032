"""What an open attempt holds for itself: an inbox of a bulk run, a sender of a campaign that is being launched."""

from alembic import op

revision = "1.0003"
down_revision = "1.0002"
branch_labels = None
depends_on = None

# "expand" if code that is running does not notice, or "contract"; one step a file.
PHASE = "expand"


def upgrade(schema: str | None = None) -> None:
    """Add the column; the index that makes a claim exclusive is a step of its own."""
    _run("alter table {s}inbox_attempts add column claim TEXT", schema)


def downgrade(schema: str | None = None) -> None:
    """Drop it; attempts are facts about callers and go on without."""
    _run("alter table {s}inbox_attempts drop column claim", schema)


def _run(sql: str, schema: str | None) -> None:
    # Not by Alembic, which takes a dot in the schema's name for the end of a name.
    prefix = '"' + schema.replace('"', '""') + '".' if schema else ""
    op.get_bind().exec_driver_sql(sql.replace("{s}", prefix), execution_options={"no_parameters": True})
