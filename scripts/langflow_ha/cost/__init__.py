"""What the kit's own daemons cost a node: `langflow-ha cost`."""
