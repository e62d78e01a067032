"""Warmup providers: the port, and one adapter a file. Adapters are flows over httpx requests, and see no store."""
