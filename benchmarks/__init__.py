"""Benchmarks: how fast, on which machine, beside what. Nothing here is a test."""
