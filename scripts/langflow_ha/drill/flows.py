"""The flows that the clients run: documents as LangFlow's editor exports them."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def _data(name: str) -> dict[str, Any]:
    text = files("langflow_ha.drill").joinpath(f"data/{name}.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def echo() -> dict[str, Any]:
    """Return the flow that answers with its input and stores both as messages."""
    return _data("echo_flow")


def webhook() -> dict[str, Any]:
    """Return the echo flow with a webhook as its input: what is posted is stored as a message."""
    document, node = echo(), _data("webhook_node")
    (output,) = [n for n in document["data"]["nodes"] if n["data"]["type"] == "ChatOutput"]
    (edge,) = document["data"]["edges"]
    source = {
        "dataType": "Webhook",
        "id": node["id"],
        "name": "output_data",
        "output_types": ["JSON"],
    }
    edge["data"]["sourceHandle"] = source
    edge["source"] = node["id"]
    # The editor writes handles as JSON with another quotation mark.
    edge["sourceHandle"] = json.dumps(source).replace('"', "œ")
    return {**document, "data": {**document["data"], "nodes": [node, output]}}
