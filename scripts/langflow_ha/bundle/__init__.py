"""Artefacts that nodes install from, built once on the controller: LangFlow's wheels, the MinIO binary, VictoriaLogs, the collector."""
