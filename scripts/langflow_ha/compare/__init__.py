"""The kit against the plain recipe of tutorials: the same faults, the same nodes, side by side."""
