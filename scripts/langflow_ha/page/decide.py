"""From reports to what the page says. Pure.

Whether a failover is possible, and what stands against it, is `langflow_ha.status.decide`'s to say;
here it is only sorted for a reader in a hurry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from langflow_ha.health.knowledge import PEER
from langflow_ha.page.config import Config
from langflow_ha.page.model import (
    Alert,
    Alerting,
    Answer,
    Chip,
    Event,
    Layer,
    Level,
    Loss,
    Page,
)
from langflow_ha.status.decide import (
    CERTIFICATE_WARNING_DAYS,
    LAG_WARNING_BYTES,
    backup_warnings,
    conflicts,
    holes,
    losses,
    silent,
)
from langflow_ha.status.model import ClusterView, NodeStatus
from langflow_ha.status.report import cluster_view, node_status, traffic
from langflow_ha.status.words import age

MOST_EVENTS = 30
_SEVERITIES = ("critical", "page", "error", "warning", "info", "none")
_PATH = re.compile(r"(?<![\w:/.])/(?:[\w.@+-]+/)+([\w.@+-]*)")

V = TypeVar("V")


def page(config: Config, answers: Mapping[str, Answer], alerting: Alerting, at: float) -> Page:
    """Return what the page says at a moment (epoch)."""
    groups = {member.name: frozenset(member.groups) for member in config.nodes}
    answers = {
        name: readable(name, groups[name], without_paths(answers[name]), at) for name in groups
    }
    cluster = cluster_view(config.site, config.vips, groups, answers, at)
    nodes = cluster.nodes
    open_now = holes(nodes, nodes)
    return Page(
        cluster=cluster,
        served_by=config.node,
        addresses={member.name: member.address for member in config.nodes},
        service=service(cluster),
        broken=bool(open_now),
        wrong=(*out_of_sight(nodes, answers), *open_now, *conflicts(nodes)),
        losses=grouped(losses(nodes)),
        layers=tuple(layers(cluster)),
        events=events(answers),
        alerting=replace(alerting, error=without_paths(alerting.error)),
    )


def readable(name: str, groups: frozenset[str], told: Answer, at: float) -> Answer:
    """Return an answer, or why it cannot be read: one odd report must not cost the whole page."""
    if isinstance(told, dict):
        try:
            node_status(name, groups, told, datetime.fromtimestamp(at, UTC))
            traffic({name: told})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return (
                f"its report cannot be read ({error!r}); perhaps it has another release of the kit"
            )
    return told


def without_paths(value: V) -> V:
    """Return a value whose texts name files only, not where they are."""
    found: Any = value
    if isinstance(found, str):
        return _PATH.sub(r"\1", found)  # type: ignore[return-value]
    if isinstance(found, Mapping):
        return {without_paths(k): without_paths(v) for k, v in found.items()}  # type: ignore[return-value]
    if isinstance(found, list | tuple):
        return type(found)(without_paths(item) for item in found)  # type: ignore[return-value]
    return value


def service(cluster: ClusterView) -> str:
    """Return in one line what users have now: LangFlow, the way to it, the database behind it."""
    langflows = [node for node in cluster.nodes if "langflow" in node.groups]
    parts = [f"{len(cluster.ready_langflows)} of {len(langflows)} LangFlows ready"]
    for what, group, names in (
        ("virtual IP", "balancer", cluster.vip_owners),
        ("primary", "postgresql", cluster.primaries),
    ):
        if any(group in node.groups for node in cluster.nodes):
            parts.append(f"{what}: {_names(names) if names else 'nobody'}")
    return " · ".join(parts)


def grouped(lost: Mapping[str, Sequence[str]]) -> tuple[Loss, ...]:
    """Return nodes whose loss would break the same things together, in the order of the nodes."""
    by_holes: dict[tuple[str, ...], list[str]] = {}
    for node, new in lost.items():
        if new:
            by_holes.setdefault(tuple(new), []).append(node)
    return tuple(Loss(tuple(nodes), new) for new, nodes in by_holes.items())


def out_of_sight(nodes: Sequence[NodeStatus], answers: Mapping[str, Answer]) -> Iterator[str]:
    """Yield what is to be said of each silent node, and whether the others' health agents reach it."""
    for name, text in silent(nodes).items():
        asked = {other: _sees(told, name) for other, told in answers.items()}
        seen = [other for other, sees in asked.items() if sees]
        blind = [other for other, sees in asked.items() if sees is False]
        if seen:
            text += f"; but the machine runs: {_names(seen)} reached its health agent"
        elif blind:
            text += (
                f"; {_names(blind)} cannot reach its health agent either: is it off, or cut off?"
            )
        yield text


def _sees(told: Answer, name: str) -> bool | None:
    """Tell whether a report's agent reaches another node's; None when it does not say."""
    value: Any = told
    for key in ("agent", "checks", PEER + name, "up"):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, bool) else None


def _names(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def events(answers: Mapping[str, Answer]) -> tuple[Event, ...]:
    """Return the last events of all nodes, newest first."""
    found = []
    for node, told in answers.items():
        rows = told.get("events") if isinstance(told, dict) else None
        for row in filter(_is_object, rows if isinstance(rows, list) else []):
            words = (str(row.get(key, "")) for key in ("time", "level", "event", "detail"))
            time, level, event, detail = words
            found.append(Event(time, node, level, event, detail))
    return tuple(sorted(found, key=lambda event: event.time, reverse=True)[:MOST_EVENTS])


def firing(answers: Sequence[Any]) -> Alerting:
    """Return what fires by the lists of Alertmanagers (`GET /api/v2/alerts`), the gravest first.

    Each alert once, also when every Alertmanager has it; without the silenced and the inhibited, and without
    what fires always, to show that alerts arrive (severity none).
    """
    found: dict[str, Alert] = {}
    told = (alert for answer in answers if isinstance(answer, list) for alert in answer)
    for alert in map(without_paths, filter(_is_object, told)):
        if alert.get("status", {}).get("state") != "active":
            continue
        labels, notes = alert.get("labels", {}), alert.get("annotations", {})
        if labels.get("severity") == "none":
            continue
        where = [labels[key] for key in ("node", "instance") if key in labels][:1]
        summary = str(notes.get("summary") or notes.get("description") or "")
        found[str(alert.get("fingerprint", len(found)))] = Alert(
            name=" ".join([str(labels.get("alertname", "alert")), *where]),
            severity=str(labels.get("severity", "none")),
            summary=summary,
            since=str(alert.get("startsAt", "")),
        )
    return Alerting(configured=True, firing=tuple(sorted(found.values(), key=_gravity)))


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _gravity(alert: Alert) -> tuple[int, str]:
    known = alert.severity in _SEVERITIES
    return (_SEVERITIES.index(alert.severity) if known else 0, alert.name)


def layers(cluster: ClusterView) -> list[Layer]:
    """Return the cluster in layers; one that no node has is left out."""
    rows: list[tuple[str, str, str, Callable[[NodeStatus], tuple[str, Level]]]] = [
        ("balancer", "Virtual IP", ", ".join(cluster.vips), lambda n: _balancer(n, cluster)),
        ("langflow", "LangFlow", "and its traffic", _langflow),
        ("postgresql", "PostgreSQL", "", _database),
        ("etcd", "etcd", "elects the primary", lambda n: _up(n.etcd, "healthy", "NOT healthy")),
        ("valkey", "Valkey", "queue", _valkey),
        ("minio", "Object store", "files", lambda n: _up(n.store, "answers", "NO answer")),
    ]
    found = [
        Layer(title, note, tuple(_chip(n, say) for n in cluster.nodes if group in n.groups))
        for group, title, note, say in rows
    ]
    if any(node.share is not None for node in cluster.nodes):
        sharing = [n for n in cluster.nodes if n.share is not None or (n.error and n.langflow)]
        chips = tuple(
            _chip(n, lambda n: _up(n.share, "takes writes", "NO writes")) for n in sharing
        )
        found.append(Layer("Shared files", "", chips))
    found.append(Layer("Certificates", "days left", tuple(_chip(n, _days) for n in cluster.nodes)))
    found.append(Layer("Backups", "newest", _backups(cluster)))
    return [layer for layer in found if layer.chips]


def _chip(node: NodeStatus, say: Callable[[NodeStatus], tuple[str, Level]]) -> Chip:
    text, level = ("no answer", Level.UNKNOWN) if node.error else say(node)
    return Chip(node.name, text, level)


def _up(value: bool | None, good: str, bad: str) -> tuple[str, Level]:
    if value is None:
        return "unknown", Level.UNKNOWN
    return (good, Level.OK) if value else (bad, Level.BAD)


def _balancer(node: NodeStatus, cluster: ClusterView) -> tuple[str, Level]:
    fit = node.standing == "fit"
    if not node.holds_vip:
        return (node.standing, Level.OK if fit else Level.BAD)
    alone = len(cluster.vip_owners) == 1
    words = ["HOLDS IT" if alone else "HOLDS IT TOO"] + ([] if fit else [node.standing])
    return ", ".join(words), Level.OK if fit and alone else Level.BAD


def _langflow(node: NodeStatus) -> tuple[str, Level]:
    if not node.langflow:
        return f"NOT ready, {node.traffic or 'traffic unknown'}", Level.BAD
    if node.traffic == "UP":
        return "ready, UP", Level.OK
    return f"ready, {node.traffic or 'traffic unknown'}", Level.WARN


def _database(node: NodeStatus) -> tuple[str, Level]:
    if not node.postgresql:
        return f"NOT running {node.postgresql_state}".strip(), Level.BAD
    if node.postgresql == "primary":
        return "PRIMARY", Level.OK
    role = "sync standby" if node.synchronous else "standby"
    if node.lag_bytes is None:
        return role, Level.OK
    behind = node.lag_bytes > LAG_WARNING_BYTES
    return f"{role}, lag {node.lag_bytes / 1048576:.0f} MiB", Level.WARN if behind else Level.OK


def _valkey(node: NodeStatus) -> tuple[str, Level]:
    if not node.valkey:
        return "NO answer", Level.BAD
    words, level = ["MASTER" if node.valkey == "master" else node.valkey], Level.OK
    if node.valkey_link is False:
        words, level = [*words, "NO link to the master"], Level.BAD
    if node.sentinel is False:
        words, level = [*words, "Sentinel NOT running"], Level.BAD
    return ", ".join(words), level


def _days(node: NodeStatus) -> tuple[str, Level]:
    if node.certificate_days is None:
        return "unknown", Level.UNKNOWN
    if node.certificate_days <= 0:
        return "EXPIRED", Level.BAD
    soon = node.certificate_days < CERTIFICATE_WARNING_DAYS
    return f"{node.certificate_days:.0f} days", Level.WARN if soon else Level.OK


def _backups(cluster: ClusterView) -> tuple[Chip, ...]:
    backup = cluster.backup
    if backup is None:
        return (
            Chip("none", "this site makes no backups, or no database node answers", Level.UNKNOWN),
        )
    chips = [
        Chip(
            kept.kind,
            "none" if kept.at is None else f"{age(cluster.at - kept.at)} old",
            Level.WARN if kept.complaint(cluster.at) else Level.OK,
        )
        for kept in backup.kept
    ]
    told = backup_warnings(cluster.nodes, cluster.at)
    complaints = sum(bool(kept.complaint(cluster.at)) for kept in backup.kept)
    if more := len(told) - complaints:
        chips.append(Chip("check", f"{more} warning{'s' * (more > 1)}, see below", Level.WARN))
    return tuple(chips)
