"""Closes background runs that were queued in a LangFlow that is gone.

LangFlow 1.13 keeps its queue of background runs in its memory. Runs under execution have a heartbeat, and any
living LangFlow fails those whose heartbeat stops. Queued ones have none: they stay `queued` for ever when their
process ends (langflow/services/background_execution/service.py, `sweep_orphans_on_startup`). This package closes
them, and only them, through LangFlow's own API.
"""
