"""A real browser's way through the VIP: log in, open a flow, run it in the playground."""
