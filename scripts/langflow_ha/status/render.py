"""The page for people: fits 80 columns, says everything in words as well as in colour."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from langflow_ha import terminal
from langflow_ha.status.model import ClusterView, NodeStatus
from langflow_ha.status.words import age


def _yes(value: bool | None) -> str:
    return "-" if value is None else "ok" if value else "BAD"


def _database(node: NodeStatus) -> str:
    if not node.postgresql:
        return "BAD" if "postgresql" in node.groups else "-"
    if node.postgresql == "primary":
        return "primary"
    lag = "" if node.lag_bytes is None else f" {node.lag_bytes / 1048576:.0f}M"
    return f"{'sync' if node.synchronous else 'async'}{lag}"


def _valkey(node: NodeStatus) -> str:
    if "valkey" not in node.groups:
        return "-"
    if not node.valkey:
        return "BAD"
    return f"{node.valkey} BAD" if node.valkey_link is False else node.valkey


def _row(node: NodeStatus) -> list[str]:
    if not node.reachable:
        return [node.name, "DOWN", *["?"] * 7]
    days = "-" if node.certificate_days is None else f"{node.certificate_days:.0f} d"
    store = _yes(node.share if node.store is None else node.store)
    langflow = "-" if node.langflow is None else ("ready" if node.langflow else "BAD")
    return [
        node.name,
        ("VIP " if node.holds_vip else "") + (node.standing or "-"),
        langflow,
        (node.traffic or "-") + ("" if node.canary is None else f" {node.canary}%"),
        _database(node),
        _yes(node.etcd),
        _valkey(node),
        store,
        days,
    ]


def page(view: ClusterView) -> RenderableType:
    """Return the whole page."""
    # No frame: its lines would cost the width that 80 columns do not have.
    table = Table(
        title=f"{view.site}: VIP {', '.join(view.vips)}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("node", "balancer", "LangFlow", "traffic", "database", "etcd", "Valkey", "store"):
        table.add_column(name, no_wrap=True)
    table.add_column("cert", justify="right", no_wrap=True)
    for node in view.nodes:
        bad = not node.reachable or "BAD" in " ".join(_row(node))
        table.add_row(*_row(node), style="red" if bad else None)
    parts: list[RenderableType] = [table]
    if view.versions:
        shown = ", ".join(f"{name} {' / '.join(found)}" for name, found in view.versions.items())
        parts.append(Text(f"versions: {shown}"))
    if view.backup:
        ages = (
            f"{k.kind} {'none' if k.at is None else age(view.at - k.at)}" for k in view.backup.kept
        )
        parts.append(Text(f"newest backups: {', '.join(ages)}"))
    parts += [Text(f"warning: {w}", style="yellow") for w in view.verdict.warnings]
    if view.verdict.can_fail_over:
        parts.append(Text("can fail over now: yes", style="bold green"))
    else:
        parts.append(Text("can fail over now: NO, because", style="bold red"))
        parts += [Text(f"  {reason}") for reason in view.verdict.because]
    return Group(*parts)


def show(view: ClusterView, console: Console | None = None) -> None:
    """Print the page."""
    (console or terminal.console()).print(page(view))
