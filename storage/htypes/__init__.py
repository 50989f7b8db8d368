"""Htypes: one table, one file per family (see `base`)."""
