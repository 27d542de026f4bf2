"""The demo's table about its failover. Pure."""

from __future__ import annotations

from rich.table import Table

from langflow_ha.drill.model import Outcome, Record

SHOWN_CHANGES = 8


def timeline(changes: tuple[tuple[float, tuple[str, ...]], ...]) -> str:
    """Return the owners around the fault in words: "n1 until +0.05 s, then nobody, …"."""
    relevant = [change for change in changes if change[0] > -1]
    before = [change for change in changes if change[0] <= -1]
    shown = [f"{', '.join(before[-1][1]) or 'nobody'} before"] if before else []
    shown += [
        f"{' and '.join(who) or 'nobody'} from {at:+.2f} s" for at, who in relevant[:SHOWN_CHANGES]
    ]
    return "; ".join(shown) or "not seen"


def failover_table(record: Record) -> Table:
    """Return what the newcomer came to see."""
    table = Table(
        title=f"Failover: {record.title} ({', '.join(record.targets) or '-'})",
        title_justify="left",
        show_header=False,
        pad_edge=False,
    )
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    gap = "not measured" if record.measured is None else f"{record.measured:.2f} s"
    table.add_row("longest gap a client saw", f"{gap} (budget {record.limit:g} s)")
    for cls, stats in record.classes.items():
        why = ", ".join(f"{count} {note}" for note, count in stats.notes.items())
        table.add_row(
            f"  {cls}: failed / total",
            f"{stats.failed} / {stats.total}{f' ({why})' if why else ''}",
        )
    table.add_row("acknowledged writes lost", f"{record.lost} of {record.acknowledged}")
    table.add_row("owners of the VIP", f"{timeline(record.owners)} ({record.samples} samples)")
    table.add_row("writable databases", timeline(record.writable))
    if record.steady_s is not None:
        table.add_row("node back, all healthy", f"{record.steady_s:.0f} s after its power returned")
    for check in record.checks:
        table.add_row(f"  {check.name}", "ok" if check.ok else f"FAILED {check.detail}")
    colour = "green" if record.outcome is Outcome.PASSED else "bold red"
    verdict = {Outcome.PASSED: "PASS", Outcome.FAILED: "FAIL"}.get(record.outcome, "SKIPPED")
    table.add_row("verdict", f"[{colour}]{verdict}[/] {record.reason}")
    return table
