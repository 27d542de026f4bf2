"""What the controller asks the nodes about backups."""
