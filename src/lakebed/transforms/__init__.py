"""Parallel ingest and transforms: `lakebed.compute`, `lakebed.compose` and what their `eval` does."""
