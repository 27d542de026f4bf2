"""A cluster of systemd containers on this machine, and the Ansible inventory that describes it."""
