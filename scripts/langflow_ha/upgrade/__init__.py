"""What an upgrade of LangFlow is decided by: which migrations wait, and whether two versions may run beside each other."""
