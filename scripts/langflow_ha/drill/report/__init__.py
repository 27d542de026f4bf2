"""The drill report: one HTML page made of the records alone."""
