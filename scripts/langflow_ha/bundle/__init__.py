"""Artefacts that nodes install from, built once on the controller: LangFlow's wheels and the MinIO binary."""
