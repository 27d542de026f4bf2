#!/usr/bin/python
"""Ansible module: change Patroni's dynamic configuration through its REST API, only where it differs."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: patroni_dynamic_config
short_description: Change Patroni's dynamic configuration where it differs
description:
  - Reads C(GET /config) from the first member that answers and sends the difference to the wanted values with C(PATCH /config).
  - Keys that are not named in I(config) are left alone. A key with the value null is removed.
options:
  urls:
    description: Base URLs of the members' REST APIs.
    type: list
    elements: str
    required: true
  config:
    description: Wanted values, in the shape of C(GET /config).
    type: dict
    required: true
  username:
    description: User for the change.
    type: str
    required: true
  password:
    description: Password for the change.
    type: str
    required: true
  ca_file:
    description: CA that signed the members' certificates.
    type: path
    required: true
  certificate_file:
    description: Client certificate; with C(verify_client optional) Patroni wants one for every change.
    type: path
    required: true
  key_file:
    description: Key of the client certificate.
    type: path
    required: true
  timeout:
    description: Seconds to wait for one answer.
    type: int
    default: 10
author:
  - LangFlow HA kit
"""

EXAMPLES = r"""
- name: Raise the number of connections
  patroni_dynamic_config:
    urls: ["https://198.18.10.11:8008", "https://198.18.10.12:8008"]
    config: {postgresql: {parameters: {max_connections: 400}}}
    username: patroni
    password: "{{ postgresql_rest_password }}"
    ca_file: /etc/langflow-ha/tls/ca.crt
    certificate_file: /etc/langflow-ha/tls/node.crt
    key_file: /etc/langflow-ha/tls/node.key
"""

RETURN = r"""
patch:
  description: What was, or in check mode would be, sent.
  type: dict
  returned: always
parameters:
  description: Names of the PostgreSQL parameters in the patch.
  type: list
  elements: str
  returned: always
"""


def difference(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the smallest patch that brings `live` to `wanted`; empty when nothing differs.

    Both have the shape of `GET /config`. Values are compared as Patroni itself compares them
    (patroni/utils.py, `patch_config`): dictionaries key by key, all else by its text. None
    removes a key, so it belongs to the patch only while the key is there.
    """
    patch: dict[str, Any] = {}
    for key, value in wanted.items():
        if value is None:
            if key in live:
                patch[key] = None
        elif key not in live:
            patch[key] = without_removals(value)
        elif isinstance(value, Mapping) and isinstance(live[key], Mapping):
            inner = difference(live[key], value)
            if inner:
                patch[key] = inner
        elif str(live[key]) != str(value):
            patch[key] = without_removals(value)
    return patch


def without_removals(value: Any) -> Any:
    """Return `value` without keys to remove: where the whole branch is new there is nothing to remove."""
    if not isinstance(value, Mapping):
        return value
    return {key: without_removals(inner) for key, inner in value.items() if inner is not None}


def at(config: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `config` that `patch` speaks of, for the diff that Ansible shows."""
    part: dict[str, Any] = {}
    for key, value in patch.items():
        if key not in config:
            continue
        inner = config[key]
        both = isinstance(value, Mapping) and isinstance(inner, Mapping)
        part[key] = at(inner, value) if both else inner
    return part


def request(
    url: str,
    context: ssl.SSLContext,
    timeout: int,
    body: Mapping[str, Any] | None = None,
    credentials: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """Send a GET, or a PATCH when there is a body, and return the JSON object of the answer."""
    method = "GET" if body is None else "PATCH"
    message = urllib.request.Request(url, method=method)  # noqa: S310 - URLs are https, made by the role
    if body is not None:
        message.data = json.dumps(body).encode()
        message.add_header("Content-Type", "application/json")
    if credentials is not None:
        token = base64.b64encode(":".join(credentials).encode()).decode()
        message.add_header("Authorization", f"Basic {token}")
    with urllib.request.urlopen(message, timeout=timeout, context=context) as response:  # noqa: S310
        answer = json.load(response)
    if not isinstance(answer, dict):
        raise ValueError(f"{url} answered no JSON object")
    return answer


def read(urls: Sequence[str], context: ssl.SSLContext, timeout: int) -> tuple[str, dict[str, Any]]:
    """Return the first member that answers, and its configuration; LookupError if nobody does."""
    errors = []
    for url in urls:
        try:
            return url, request(f"{url}/config", context, timeout)
        except (OSError, ValueError) as error:
            errors.append(f"{url}: {error}")
    raise LookupError("; ".join(errors))


def main() -> None:
    """Read, compare, change."""
    module = AnsibleModule(
        argument_spec={
            "urls": {"type": "list", "elements": "str", "required": True},
            "config": {"type": "dict", "required": True},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "ca_file": {"type": "path", "required": True},
            "certificate_file": {"type": "path", "required": True},
            "key_file": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    p = module.params
    try:
        context = ssl.create_default_context(cafile=p["ca_file"])
        context.load_cert_chain(p["certificate_file"], p["key_file"])
        url, live = read(p["urls"], context, p["timeout"])
    except (LookupError, OSError) as error:
        if module.check_mode:
            module.exit_json(changed=False, patch={}, parameters=[], msg=f"no cluster yet: {error}")
        module.fail_json(msg=f"No member of Patroni answers GET /config: {error}")
    patch = difference(live, p["config"])
    if patch and not module.check_mode:
        try:
            request(f"{url}/config", context, p["timeout"], patch, (p["username"], p["password"]))
        except (OSError, ValueError) as error:
            module.fail_json(msg=f"{url} refused PATCH /config: {error}", patch=patch)
    module.exit_json(
        changed=bool(patch),
        patch=patch,
        parameters=sorted(patch.get("postgresql", {}).get("parameters", {})),
        diff={"before": at(live, patch), "after": patch},
    )


if __name__ == "__main__":
    main()
