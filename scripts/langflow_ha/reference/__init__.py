"""The reference of all variables, generated from the argument specs."""

from langflow_ha.reference.cli import app

__all__ = ["app"]
