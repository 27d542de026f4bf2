"""Alerts: that somebody is told, by ways that are complete."""

from __future__ import annotations

import re
from collections.abc import Iterator

from langflow_ha.preflight.checks.names import shown
from langflow_ha.preflight.checks.settings import bad_url
from langflow_ha.preflight.model import Note, Problem, Site

RECEIVERS = ("alert_mail_to", "alert_webhook_urls", "alert_slack_url")
WAYS = (*RECEIVERS, "alert_deadman_url")
SERVER = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}")
FLOW = re.compile(r"/?[A-Za-z0-9._~%-]+(/[A-Za-z0-9._~%-]+)*/?")
ADDRESS = re.compile(r"[^@\s,]+@[^@\s,]+")


def nobody_sends(site: Site) -> Iterator[Problem]:
    """Receivers of alerts where nothing would send any."""
    if site.members("monitoring"):
        return
    for name in WAYS:
        if value := site.value(name):
            yield Problem(
                "alert",
                name,
                shown(name, str(value)),
                "no host is in the group monitoring, so nobody would send an alert",
                "put one or two hosts into the group monitoring, or remove it",
            )


def nobody_keeps_logs(site: Site) -> Iterator[Problem]:
    """Logs that shall go where nobody is."""
    if site.value("central_logs") and not site.members("monitoring"):
        yield Problem(
            "logs",
            "central_logs",
            "true",
            "no host is in the group monitoring, so there is no store for logs",
            "put one or two hosts into the group monitoring, or set it to false",
        )


def traces(site: Site) -> Iterator[Problem]:
    """Traces that nobody keeps, shares that are none, and names that no path has."""
    url = site.value("trace_forward_url") or ""
    if site.value("traces_enabled") and not site.members("monitoring") and not url:
        yield Problem(
            "traces",
            "traces_enabled",
            "true",
            "no host is in the group monitoring and trace_forward_url is empty, so nobody would keep a trace",
            "put one or two hosts into the group monitoring, set trace_forward_url, or set it to false",
        )
    percent = site.value("trace_sample_percent")
    if isinstance(percent, int | float) and not 0 <= percent <= 100:
        yield Problem(
            "traces",
            "trace_sample_percent",
            str(percent),
            "is no share of requests",
            "use a number from 0 to 100, such as 1 or 0.1",
        )
    for flow in site.value("trace_flows") or []:
        if not FLOW.fullmatch(str(flow)):
            yield Problem(
                "traces",
                "trace_flows",
                str(flow),
                "is neither a flow's id or name as it stands in a path, nor the beginning of a path",
                "write it like my-flow or /api/v2/workflows",
            )
    if url and bad_url(str(url)):
        yield Problem(
            "url",
            "trace_forward_url",
            str(url),
            "is not a URL that starts with http:// or https://",
            "write it like https://otel.example.org/v1/traces",
        )


def mail(site: Site) -> Iterator[Problem]:
    """Mail without what it needs, or with what is none."""
    receivers = site.value("alert_mail_to") or []
    for address in receivers:
        if not ADDRESS.fullmatch(str(address)):
            yield Problem(
                "alert",
                "alert_mail_to",
                str(address),
                "is not a mail address",
                "write it like oncall@example.org",
            )
    if receivers:
        for name in ("alert_mail_from", "alert_smtp_server"):
            if site.value(name) == "":
                text = site.specs.site[name].description
                yield Problem("alert", name, "", "alert_mail_to needs it", text)
    server = site.value("alert_smtp_server")
    if server and not SERVER.fullmatch(server):
        yield Problem(
            "alert",
            "alert_smtp_server",
            server,
            "is not HOST:PORT",
            "write it like mail.example.org:587",
        )
    if site.value("alert_smtp_user") and site.value("alert_smtp_password") == "":
        text = "put it into the vault (ansible-vault edit), or empty alert_smtp_user"
        yield Problem("alert", "alert_smtp_password", "", "alert_smtp_user needs it", text)


def webhooks(site: Site) -> Iterator[Problem]:
    """Webhooks that are no URLs."""
    for url in site.value("alert_webhook_urls") or []:
        if bad_url(str(url)):
            yield Problem(
                "url",
                "alert_webhook_urls",
                str(url),
                "is not a URL that starts with http:// or https://",
                "write it like https://alerts.example.org/langflow",
            )


def notes(site: Site) -> Iterator[Note]:
    """Nobody is told."""
    if site.members("monitoring") and not any(site.value(name) for name in RECEIVERS):
        yield Note(
            "alert_mail_to",
            "",
            "nobody is told of alerts: they are on the status page only. Set alert_mail_to, "
            "alert_webhook_urls or alert_slack_url",
        )


CHECKS = (nobody_sends, nobody_keeps_logs, traces, mail, webhooks)
