"""A claim is held by one open attempt at a time, whoever opens one: the index is what callers meet."""

import sqlalchemy as sa
from alembic import context, op

revision = "1.0004"
down_revision = "1.0003"
branch_labels = None
depends_on = None

# "expand" if code that is running does not notice, or "contract"; one step a file.
PHASE = "expand"
CONCURRENTLY = True

# Code of the versions before leaves the column empty, so that it never meets the index.
WHERE = "outcome is null and claim is not null"


def upgrade(schema: str | None = None) -> None:
    """Build the index; what a run that was broken off left behind goes first."""
    concurrently = bool(schema and context.config.attributes.get("concurrently"))
    _drop(schema, concurrently=concurrently)
    op.create_index(
        "inbox_attempts_claimed",
        "inbox_attempts",
        ["inbox_id", "claim"],
        unique=True,
        schema=schema,
        postgresql_where=sa.text(WHERE),
        sqlite_where=sa.text(WHERE),
        postgresql_concurrently=concurrently,
    )


def downgrade(schema: str | None = None) -> None:
    """Drop the index."""
    _drop(schema)


def _drop(schema: str | None, *, concurrently: bool = False) -> None:
    # Not by SQLAlchemy, which takes a dot in the schema's name for the end of a name.
    prefix = '"' + schema.replace('"', '""') + '".' if schema else ""
    sql = f"drop index {'concurrently ' if concurrently else ''}if exists {prefix}inbox_attempts_claimed"
    op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})
