"""Fixtures, by subject."""

pytest_plugins = ["inbox_lifecycle.testing.plugin", "tests.fix_database", "tests.fix_face", "tests.fix_scale"]
