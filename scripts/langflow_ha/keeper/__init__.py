"""Makes, checks and restores backups on a database node. Standard library only."""
