"""When autovacuum looks after which table on PostgreSQL: as each of them is written, whatever its size."""

from alembic import op

revision = "1.0007"
down_revision = "1.0006"
branch_labels = None
depends_on = None

# "expand" if code that is running does not notice, or "contract"; one step a file.
PHASE = "expand"

# Rows that are written once and stay. The first vacuum freezes them, and none has to write their pages anew for it one
# day. By a fifth of a long table, as the server has it, the first one would come late and take long.
WRITTEN_ONCE = {"autovacuum_freeze_min_age": "0", "autovacuum_vacuum_insert_scale_factor": "0.05"}
# Each move leaves a dead row here, with an entry in every index.
MOVED = {"autovacuum_vacuum_scale_factor": "0.05"}
# Emptied all day long, so that it is small: clearing it away needs no pauses.
EMPTIED = {"autovacuum_vacuum_cost_delay": "0"}

SETTINGS = {
    "inbox_events": WRITTEN_ONCE,
    "inbox_feed": WRITTEN_ONCE,
    "inbox_tree_nodes": WRITTEN_ONCE,
    "inboxes": MOVED,
    "inbox_attempts": MOVED,
    "inbox_feed_queue": EMPTIED,
}


def upgrade(schema: str | None = None) -> None:
    """Set them, which no statement waits for; SQLite has no vacuum of its own accord."""
    for table, settings in SETTINGS.items():
        said = ", ".join(f"{name} = {value}" for name, value in settings.items())
        _run(f"alter table {{s}}{table} set ({said})", schema)


def downgrade(schema: str | None = None) -> None:
    """Leave it to the server's own settings."""
    for table, settings in SETTINGS.items():
        _run(f"alter table {{s}}{table} reset ({', '.join(settings)})", schema)


def _run(sql: str, schema: str | None) -> None:
    if schema is None:
        return
    # Not by Alembic, which takes a dot in the schema's name for the end of a name.
    prefix = '"' + schema.replace('"', '""') + '".'
    op.get_bind().exec_driver_sql(sql.replace("{s}", prefix), execution_options={"no_parameters": True})
