"""One view of a whole cluster: what every node reports, and whether it can fail over now."""
