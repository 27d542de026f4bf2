"""A cluster of systemd containers or virtual machines on this machine, and the Ansible inventory that describes it."""
