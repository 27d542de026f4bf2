"""Filters that the playbooks' wiring uses, as plain typed functions."""
