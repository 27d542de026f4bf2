"""The status page: what every node reports, as HTML and JSON, served by each balancer node."""
