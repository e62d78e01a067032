"""Drivers perform flows: sync, async over threads, async over a host's AsyncEngine, and inside a host's transaction."""
