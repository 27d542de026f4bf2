"""Ends the etcd lease of a PostgreSQL leader whose host is dead. Standard library only.

Patroni alone decides who is primary; see docs/fast-failover.md.
"""
