"""Fill a single-node LangFlow through its API as people would, and print what has to be there after a move.

Standard library only, because it runs on a node. Users, a flow, a credential, a file and an API key.
Usage: fill.py URL FLOW_FILE SUPERUSER, with the superuser's password on standard input.
"""

from __future__ import annotations

import json
import secrets
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

BOUNDARY = secrets.token_hex(16)


def call(
    url: str,
    body: bytes | None = None,
    kind: str = "application/json",
    token: str = "",
    method: str = "",
) -> Any:
    """Send one request; returns the JSON of the answer. Raises HTTPError for a refusal."""
    request = urllib.request.Request(url, data=body, method=method or None)
    request.add_header("content-type", kind)
    if token:
        request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def log_in(base: str, name: str, password: str) -> str:
    """Return a token."""
    form = urllib.parse.urlencode({"username": name, "password": password}).encode()
    answer = call(f"{base}/api/v1/login", form, "application/x-www-form-urlencoded")
    return str(answer["access_token"])


def multipart(name: str, content: bytes) -> bytes:
    """Return the body of a form with one file."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def fill(base: str, flow: dict[str, Any], superuser: str, password: str) -> dict[str, Any]:
    """Make everything; returns what a test needs to look for it."""
    root = log_in(base, superuser, password)
    name, own = "bob", secrets.token_urlsafe(12)
    user = call(
        f"{base}/api/v1/users/",
        json.dumps({"username": name, "password": own}).encode(),
        token=root,
    )
    active = json.dumps({"is_active": True}).encode()
    call(f"{base}/api/v1/users/{user['id']}", active, token=root, method="PATCH")
    token = log_in(base, name, own)
    made = call(
        f"{base}/api/v1/flows/", json.dumps({**flow, "name": "old flow"}).encode(), token=token
    )
    credential = {"name": "OLD_TOKEN", "type": "Credential", "value": secrets.token_hex(16)}
    variable = {**credential, "default_fields": []}
    call(f"{base}/api/v1/variables/", json.dumps(variable).encode(), token=token)
    content = secrets.token_bytes(100_000)
    stored = call(
        f"{base}/api/v2/files/",
        multipart("old.bin", content),
        f"multipart/form-data; boundary={BOUNDARY}",
        token,
    )
    key = call(f"{base}/api/v1/api_key/", json.dumps({"name": "old"}).encode(), token=token)
    return {
        "users": {superuser: password, name: own},
        "flow": made["id"],
        "credential": credential["value"],
        "file": {"id": stored["id"], "content": content.hex()},
        "api_key": key["api_key"],
    }


if __name__ == "__main__":
    document = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    print(json.dumps(fill(sys.argv[1], document, sys.argv[3], sys.stdin.read().strip())))
