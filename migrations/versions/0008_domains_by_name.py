"""Domains by their name, whoever has them: what an operator looks for inboxes by."""

from alembic import context, op

revision = "1.0008"
down_revision = "1.0007"
branch_labels = None
depends_on = None

# "expand" if code that is running does not notice, or "contract"; one step a file.
PHASE = "expand"
CONCURRENTLY = True


def upgrade(schema: str | None = None) -> None:
    """Build the index; what a run that was broken off left behind goes first."""
    concurrently = bool(schema and context.config.attributes.get("concurrently"))
    _drop(schema, concurrently=concurrently)
    op.create_index(
        "email_domains_domain", "email_domains", ["domain"], schema=schema, postgresql_concurrently=concurrently
    )


def downgrade(schema: str | None = None) -> None:
    """Drop the index."""
    _drop(schema)


def _drop(schema: str | None, *, concurrently: bool = False) -> None:
    # Not by SQLAlchemy, which takes a dot in the schema's name for the end of a name.
    prefix = '"' + schema.replace('"', '""') + '".' if schema else ""
    sql = f"drop index {'concurrently ' if concurrently else ''}if exists {prefix}email_domains_domain"
    op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})
