"""Drills: inject one fault, watch it as a client and on the nodes, and judge it by its budget."""
