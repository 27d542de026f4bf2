"""The health agent of a node: gather, decide, act. Standard library only."""
