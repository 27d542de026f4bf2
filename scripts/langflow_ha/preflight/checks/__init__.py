"""Checks of the inventory, one file per subject. Each is a pure function from a site to problems."""
