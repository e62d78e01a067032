"""Runs the migrations on a connection that the library hands over, or on `-x url=...` for developers.

Only our own tables are looked at, and the version table is our own: the database belongs to a host that has others.
"""

from alembic import context
from sqlalchemy import Connection

from inbox_lifecycle.store.migrate import make_schema, migrating
from inbox_lifecycle.store.schema import metadata_for
from inbox_lifecycle.store.version import VERSION_TABLE

config = context.config


def run(connection: Connection, schema: str | None) -> None:
    """Run the migrations in this connection's transaction."""
    metadata = metadata_for(schema)
    ours = {table.name for table in metadata.tables.values()}

    def include_name(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
        if kind == "schema":
            return name == schema
        if kind == "table":
            return name in ours and parents.get("schema_name") == schema
        return True

    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        version_table_schema=schema,
        include_schemas=schema is not None,
        include_name=include_name,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations(schema=schema)


def developer_connection() -> None:
    """Serve plain `alembic -x url=... [-x schema=...]`."""
    arguments = context.get_x_argument(as_dictionary=True)
    if "url" not in arguments:
        message = "say which database: alembic -x url=postgresql://... upgrade head"
        raise SystemExit(message)
    with migrating(arguments["url"], arguments.get("schema")) as (connection, backend):
        make_schema(connection, backend)
        run(connection, backend.schema)


if "connection" in config.attributes:
    run(config.attributes["connection"], config.attributes["schema"])
else:
    developer_connection()
