"""Preflight: finds bad input and unfit nodes before anything is changed."""
