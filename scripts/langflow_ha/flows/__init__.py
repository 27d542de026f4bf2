"""Flows as code: a directory of flow JSON against a running LangFlow. Runs on a LangFlow node."""
