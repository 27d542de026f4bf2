"""The newcomer's command: a cluster in containers, a flow through the VIP, and a measured failover."""
