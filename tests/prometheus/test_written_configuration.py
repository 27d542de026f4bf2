"""What the roles write is taken by the programs that read it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from langflow_ha import ROOT
from promtool import AMTOOL, PROMTOOL

TLS = "/etc/langflow-ha/tls"
ADDRESS = "198.18.79.11"
# Of the password "secret".
HASH = {"stdout": "$2b$10$73cb3858a687a8494ca33uF6GJelJ2Aoc4dMO.FeloZKjlDRPTqsi"}
TARGETS = [{"node": "n1", "address": f"{ADDRESS}:9100"}]
SCRAPES = [
    {"name": "node", "scheme": "https", "client_certificate": True, "targets": TARGETS},
    {"name": "agent", "interval": "5s", "timeout": "2s", "targets": TARGETS},
    {"name": "prometheus", "scheme": "https", "password": True, "targets": TARGETS},
    {"name": "minio", "scheme": "https", "path": "/minio/v2/metrics/cluster", "targets": TARGETS},
    {"name": "probe_api", "probe": "https", "targets": [{"address": "https://198.18.79.100/"}]},
]


def rendered(role: str, template: str, **changes: Any) -> str:
    base = ROOT / "roles" / role
    environment = Environment(
        loader=FileSystemLoader(base / "templates"), trim_blocks=True, undefined=StrictUndefined
    )
    environment.filters.update(to_json=json.dumps, bool=bool)
    values = {
        **yaml.safe_load((base / "defaults/main.yml").read_text("utf-8")),
        "ansible_managed": "managed",
        f"__{role}_host": ADDRESS,
        f"__{role}_hash": HASH,
        f"{role}_site": "blue",
        f"{role}_node_name": "n1",
        f"{role}_password": "secret",
        **changes,
    }
    return environment.get_template(f"{template}.j2").render(values)


def check(tmp_path: Path, text: str, *command: str) -> str:
    """Write a text to where the files that it names are, and have it checked."""
    for name in ("ca.crt", "node.crt", "node.key", "password"):
        (tmp_path / name).write_text("secret")
    text = text.replace(TLS, str(tmp_path)).replace(
        "/etc/prometheus/password", f"{tmp_path}/password"
    )
    text = text.replace("/etc/prometheus/rules", str(ROOT / "roles/prometheus/files/rules"))
    (tmp_path / "file.yml").write_text(text)
    done = subprocess.run(
        [*command, str(tmp_path / "file.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return text


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    text = rendered(
        "prometheus",
        "prometheus.yml",
        prometheus_scrapes=SCRAPES,
        prometheus_alertmanagers=[f"{ADDRESS}:9093"],
        prometheus_remote_write_url="https://store.example.org/write",
    )
    config = yaml.safe_load(check(tmp_path, text, PROMTOOL, "check", "config"))
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["node"]["tls_config"]["cert_file"].endswith("/node.crt")
    assert "cert_file" not in jobs["minio"]["tls_config"]
    assert jobs["prometheus"]["basic_auth"]["username"] == "operator"
    assert "basic_auth" not in jobs["node"]
    assert jobs["agent"]["scrape_timeout"] == "2s"
    assert [rule["target_label"] for rule in jobs["probe_api"]["relabel_configs"]] == [
        "__param_target",
        "instance",
        "__address__",
    ]
    # To Alertmanager both Prometheus have to tell the same alert.
    assert config["alerting"]["alert_relabel_configs"] == [
        {"action": "labeldrop", "regex": "replica"}
    ]
    assert len(config["rule_files"]) == len(list((ROOT / "roles/prometheus/files/rules").iterdir()))


def test_the_long_memory_takes_its_configuration(tmp_path: Path) -> None:
    check(tmp_path, rendered("prometheus", "prometheus-long.yml"), PROMTOOL, "check", "config")


@pytest.mark.parametrize("role", ["prometheus", "alertmanager"])
def test_nobody_asks_without_a_password(role: str) -> None:
    web = yaml.safe_load(rendered(role, "web.yml"))
    assert web["basic_auth_users"] == {"operator": HASH["stdout"]}
    assert web["tls_server_config"]["key_file"] == f"{TLS}/node.key"


RECEIVERS: dict[str, Any] = {
    "alertmanager_mail_to": ["a@example.org", "b@example.org"],
    "alertmanager_mail_from": "langflow@example.org",
    "alertmanager_smtp_server": "mail.example.org:587",
    "alertmanager_smtp_user": "langflow",
    "alertmanager_smtp_password": 'quo"te',
    "alertmanager_webhook_urls": ["https://one.example.org/", "https://two.example.org/"],
    "alertmanager_slack_url": "https://hooks.example.org/T/B/x",
    "alertmanager_slack_channel": "#ops",
    "alertmanager_deadman_url": "https://hc.example.org/ping",
    "alertmanager_overload_url": "https://controller.example.org:8790/overload",
    "alertmanager_overload_token": 'to"ken',
}


@pytest.mark.parametrize("receivers", [{}, RECEIVERS], ids=["nobody", "everybody"])
def test_alertmanager_takes_its_configuration(tmp_path: Path, receivers: dict[str, Any]) -> None:
    text = rendered("alertmanager", "alertmanager.yml", **receivers)
    config = yaml.safe_load(check(tmp_path, text, AMTOOL, "check-config"))
    found = {receiver["name"]: set(receiver) - {"name"} for receiver in config["receivers"]}
    everybody = {"email_configs", "webhook_configs", "slack_configs"} if receivers else set()
    assert found == {
        "everybody": everybody,
        "deadman": {"webhook_configs"} if receivers else set(),
        **({"overload": {"webhook_configs"}} if receivers else {}),
    }


def test_the_overload_hook_gets_the_token_by_tls_and_nothing_that_is_over() -> None:
    config = yaml.safe_load(rendered("alertmanager", "alertmanager.yml", **RECEIVERS))
    (hook,) = (r["webhook_configs"][0] for r in config["receivers"] if r["name"] == "overload")
    assert hook["send_resolved"] is False
    assert hook["http_config"]["authorization"] == {"credentials": 'to"ken'}
    assert hook["http_config"]["tls_config"] == {"ca_file": f"{TLS}/ca.crt"}


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "LangflowDeadMansSwitch", "level": "seconds"}, "deadman"),
        ({"alertname": "LangflowNodeDown", "level": "seconds"}, "everybody"),
        ({"alertname": "LangflowP99OverBaseline", "level": "hours"}, "everybody"),
        ({"alertname": "SomebodyElses"}, "everybody"),
        (
            {"alertname": "LangflowOverloaded", "level": "minutes", "scale": "out"},
            "overload,everybody",
        ),
    ],
)
def test_alerts_go_where_they_should(tmp_path: Path, labels: dict[str, str], receiver: str) -> None:
    (tmp_path / "file.yml").write_text(rendered("alertmanager", "alertmanager.yml", **RECEIVERS))
    asked = [f"{key}={value}" for key, value in labels.items()]
    command = [AMTOOL, "config", "routes", "test", f"--config.file={tmp_path}/file.yml", *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == receiver, done.stdout + done.stderr


def test_alertmanagers_know_the_others_and_not_themselves() -> None:
    members = [{"name": f"n{i}", "address": f"198.18.79.1{i}"} for i in (1, 2, 3)]
    text = rendered("alertmanager", "prometheus-alertmanager", alertmanager_members=members)
    assert "--cluster.peer=198.18.79.12:9094 --cluster.peer=198.18.79.13:9094" in text
    assert "--cluster.peer=198.18.79.11" not in text
    assert "--cluster.tls-config=" in text
    alone = rendered("alertmanager", "prometheus-alertmanager", alertmanager_members=members[:1])
    assert '--cluster.listen-address="' in alone and "peer" not in alone


def test_exporters_ask_for_a_certificate() -> None:
    for role, template in (
        ("exporters", "exporters-web.yml"),
        ("node_exporter", "node-exporter-web.yml"),
    ):
        web = yaml.safe_load(rendered(role, template))["tls_server_config"]
        assert web["client_auth_type"] == "RequireAndVerifyClientCert"
        assert web["client_ca_file"] == f"{TLS}/ca.crt"


def test_probes_expect_the_name_that_users_type() -> None:
    named = yaml.safe_load(
        rendered("exporters", "blackbox.yml", exporters_probe_server_name="lf.example.org")
    )
    assert named["modules"]["https"]["http"]["tls_config"] == {"server_name": "lf.example.org"}
    bare = yaml.safe_load(rendered("exporters", "blackbox.yml"))
    assert "tls_config" not in bare["modules"]["https"]["http"]
