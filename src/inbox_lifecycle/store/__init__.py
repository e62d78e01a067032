"""The store: tables, guards and named statements on PostgreSQL and SQLite; plain functions over a session."""
