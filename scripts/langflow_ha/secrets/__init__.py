"""Generated secrets of a site: made once, merged on later runs, kept in ansible-vault."""

from langflow_ha.secrets.cli import app

__all__ = ["app"]
