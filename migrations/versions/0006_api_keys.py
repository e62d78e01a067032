"""API keys of owners: a visible prefix to find one by, and a hash of the whole; the key itself is nowhere."""

import sqlalchemy as sa
from alembic import op

revision = "1.0006"
down_revision = "1.0005"
branch_labels = None
depends_on = None

# "expand" if code that is running does not notice, or "contract"; one step a file.
PHASE = "expand"


def upgrade(schema: str | None = None) -> None:
    """Create the table."""
    sqlite = schema is None
    key, time = (sa.Text(), sa.Text()) if sqlite else (sa.Uuid(as_uuid=False), sa.DateTime(timezone=True))
    op.create_table(
        "inbox_api_keys",
        sa.Column("id", key, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("expires_at", time),
        sa.Column("revoked_at", time),
        sa.Column("revoked_by", sa.Text),
        sa.PrimaryKeyConstraint("id", name="inbox_api_keys_pkey"),
        sa.UniqueConstraint("prefix", name="inbox_api_keys_prefix_key"),
        sa.CheckConstraint("length(hash) = 32", name="inbox_api_keys_hash_sha256"),
        sa.CheckConstraint("(revoked_at is null) = (revoked_by is null)", name="inbox_api_keys_revoked_by_somebody"),
        schema=schema,
        sqlite_with_rowid=False,
    )
    op.create_index("inbox_api_keys_owner", "inbox_api_keys", ["owner_id", "id"], schema=schema)
    if schema is None:
        return
    # Closed like the tables before: to everybody but the owner and the roles that `db grant` names.
    prefix = '"' + schema.replace('"', '""') + '".'
    for statement in (
        f"alter table {prefix}inbox_api_keys enable row level security",
        f"revoke all on {prefix}inbox_api_keys from public",
    ):
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade(schema: str | None = None) -> None:
    """Drop the table, and with it every key."""
    op.drop_table("inbox_api_keys", schema=schema)
