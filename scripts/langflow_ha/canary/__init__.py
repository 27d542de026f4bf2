"""Is the node with another version as good as the rest? `langflow-ha canary`."""
