"""The proof of a backup: restore it, recover it, and compare it with what it must hold."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langflow_ha.keeper import figures, metrics
from langflow_ha.keeper.bring_back import plan
from langflow_ha.keeper.model import KeeperError
from langflow_ha.keeper.postgres import Scratch, cleared
from langflow_ha.keeper.repository import Target
from langflow_ha.keeper.stock import PROOF, Stock
from langflow_ha.node.files import write_atomically

ADMIN = "/usr/local/lib/langflow-ha/langflow-admin"
ENVIRONMENT = Path("/etc/langflow/langflow.env")
SCRATCH = "proof"
UNKNOWN = "No such command"
"""What LangFlow's command line says to a command that its version does not have."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome of one proof. `integrity`: "" clean, None not asked, else what it found."""

    point: str
    backup: str
    tables: int
    rows: int
    size: int
    seconds: float
    differences: tuple[str, ...]
    integrity: str | None

    @property
    def passed(self) -> bool:
        """Whether the backup is proven: everything compared was equal, and the integrity check did not object."""
        return not self.differences and not self.integrity

    def as_data(self, at: float) -> dict[str, Any]:
        """Return it for the record, with its metrics."""
        return {
            "at": at,
            "passed": self.passed,
            "point": self.point,
            "backup": self.backup,
            "tables": self.tables,
            "rows": self.rows,
            "bytes": self.size,
            "seconds": round(self.seconds, 1),
            "differences": list(self.differences),
            "integrity": "not run: no LangFlow on this node, or one before 1.13, which has no such check"
            if self.integrity is None
            else self.integrity or "clean",
            "metrics": {
                "verify_timestamp_seconds": at,
                "verify_success": float(self.passed),
                "verify_restore_seconds": self.seconds,
                "verify_size_bytes": float(self.size),
            },
        }


def prove(stock: Stock, point: str, claimed: figures.Figures) -> Proof:
    """Restore the newest backup to the restore point `point` in a scratch server and compare."""
    chosen = plan(stock, Target("name", point), "")
    if chosen.refusals:
        raise KeeperError("; ".join(chosen.refusals))
    config = stock.config
    directory = Path(config.database.data_directory).parent / SCRATCH
    scratch = Scratch(stock.repository, directory, config.scratch_port, stock.run)
    # Left behind by a proof that was killed: nothing of it is needed.
    scratch.remove()
    with cleared(scratch):
        scratch.prepare()
        with metrics.stopwatch() as watch:
            scratch.fill(chosen.target, chosen.backup.label)
            scratch.recover()
        restored = figures.now(scratch.server)
        (size,) = scratch.server.lines("SELECT sum(pg_database_size(oid))::bigint FROM pg_database")
        return Proof(
            point=point,
            backup=chosen.backup.label,
            tables=len(restored),
            rows=sum(int(value.partition(":")[0]) for value in restored.values()),
            size=int(size),
            seconds=watch.seconds,
            differences=tuple(figures.differences(claimed, restored)),
            integrity=langflows_verdict(stock),
        )


def langflows_verdict(stock: Stock) -> str | None:
    """Run LangFlow's own check on the scratch server: its settings, with the database's address changed.

    None: there is no LangFlow on this node, or one that does not know the command (before 1.13).
    """
    if not ENVIRONMENT.exists() or not Path(ADMIN).exists():
        return None
    config = stock.config
    text = ENVIRONMENT.read_text("utf-8")
    live_address = f"@127.0.0.1:{config.database.port}/"
    if live_address not in text:
        raise KeeperError(
            f"{ENVIRONMENT} does not lead to {live_address}: what to replace is unknown"
        )
    override = config.work / "integrity.env"
    scratch_address = f"@127.0.0.1:{config.scratch_port}/"
    write_atomically(override, text.replace(live_address, scratch_address), mode=0o600)
    try:
        done = stock.run([ADMIN, "--environment", str(override), "check-integrity"])
    finally:
        override.unlink()
    said = (done.out + done.error).strip()
    if done.code and UNKNOWN in said:
        return None
    return "" if done.code == 0 else said[-400:] or f"exit {done.code}"


def record(stock: Stock, proof: Proof) -> dict[str, Any]:
    """Keep the outcome: the last one for the metrics, all of them in a journal."""
    data = proof.as_data(time.time())
    write_atomically(stock.config.work / PROOF, json.dumps(data))
    with (stock.config.work / "proofs.jsonl").open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(data) + "\n")
    return data
