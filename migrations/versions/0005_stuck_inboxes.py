"""Inboxes whose warmup has not been accepted yet, in order of id: found without looking at all the others."""

import sqlalchemy as sa
from alembic import context, op

revision = "1.0005"
down_revision = "1.0004"
branch_labels = None
depends_on = None

# "expand" if code that is running does not notice, or "contract"; one step a file.
PHASE = "expand"
CONCURRENTLY = True

WHERE = "status = 'pending' and warmup_status = 'not_started' and erased_at is null"


def upgrade(schema: str | None = None) -> None:
    """Build the index; what a run that was broken off left behind goes first."""
    concurrently = bool(schema and context.config.attributes.get("concurrently"))
    _drop(schema, concurrently=concurrently)
    op.create_index(
        "inboxes_stuck",
        "inboxes",
        ["id"],
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
    sql = f"drop index {'concurrently ' if concurrently else ''}if exists {prefix}inboxes_stuck"
    op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})
