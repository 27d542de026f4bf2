"""From what was seen to a verdict. Pure functions over `measure.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from langflow_ha.drill import measure
from langflow_ha.drill.model import (
    Acknowledged,
    BackgroundRun,
    BudgetKind,
    Check,
    Drill,
    Holders,
    Hook,
    Outcome,
    Reader,
    Record,
    Request,
    Sample,
)

SECOND_GAP_S = 1.5
"""What the return of a node may cost the clients where the drill's own budget is about something else."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that one run left to judge by; times are seconds since the epoch."""

    drill: Drill
    site: str
    repetition: int
    started: float
    targets: tuple[str, ...]
    nodes: frozenset[str]
    without_power: frozenset[str]
    """Targets that lost their power: they cannot be asked who holds the VIP."""
    fault_at: float
    undo_at: float
    load_end: float
    steady_s: float | None
    """None: the steady state was not reached in time."""
    unsteady: str = ""
    """Why it was not."""
    requests: Sequence[Request] = ()
    samples: Sequence[Sample] = ()
    acknowledged: Sequence[Acknowledged] = ()
    lost: Sequence[Acknowledged] = ()
    unverified: str = ""
    """Why the acknowledged writes could not be verified; empty when they were."""
    integrity: str | None = None
    """Output of a failed integrity check, "" for a clean one, None when it was not run."""
    runs: Sequence[BackgroundRun] = ()
    """Background runs that were accepted, with what became of them."""
    hooks: Sequence[Hook] = ()
    """Webhook calls that were accepted."""
    readers: Sequence[Reader] = ()
    """Clients that read events at a LangFlow that stays."""
    restarted: Sequence[str] = ()
    """LangFlow nodes whose process is another one than before."""
    trouble: str = ""
    """What went wrong with the drill itself (injection, undo)."""
    seed: int = 0
    extra_checks: Sequence[Check] = field(default_factory=tuple)


def measured(evidence: Evidence) -> float | None:
    """Return the figure that the drill's budget limits; None when it could not be taken."""
    budget, e = evidence.drill.budget, evidence
    if budget.kind is BudgetKind.GAP:
        # A fault that does not wait for the client may leave part of the gap behind its end.
        until = e.load_end if e.drill.hold_drawn else e.undo_at
        return max(measure.longest_gap(e.requests, c, e.fault_at, until) for c in budget.classes)
    if budget.kind is BudgetKind.FAILED:
        return float(measure.failed(e.requests, budget.classes, e.fault_at))
    if budget.kind is BudgetKind.EXPOSURE:
        return measure.exposure(e.requests, budget.classes, e.fault_at, e.undo_at)
    if budget.kind is BudgetKind.SETTLED:
        return measure.settled_last(e.runs, e.targets, e.fault_at)
    if budget.kind is BudgetKind.RELEASE:
        return max(measure.release(e.samples, target, e.fault_at) for target in e.targets)
    if budget.kind is BudgetKind.MOVES:
        lines = (measure.holders(e.samples, kind) for kind in ("vip", "pg", "valkey"))
        return float(max(measure.moves(line, e.fault_at) for line in lines))
    return e.steady_s


def checks(evidence: Evidence) -> tuple[Check, ...]:
    """Return everything that must hold besides the budget."""
    e = evidence
    line = [p for p in measure.holders(e.samples, "vip") if p.at >= e.fault_at - 2]
    found = [
        Check("the drill itself", not e.trouble, e.trouble),
        Check("steady state afterwards", e.steady_s is not None, e.unsteady),
        Check(
            "acknowledged writes are all there",
            not e.lost and not e.unverified,
            e.unverified or f"{len(e.lost)} of {len(e.acknowledged)} lost",
        ),
        *_owner_checks(e, line),
        _one_database(e),
        *_client_checks(e),
        *_backlog_checks(e),
        *_return_checks(e, line),
    ]
    if kind := e.drill.no_successor:
        early = measure.successors(e.samples, kind, e.targets, e.fault_at, e.undo_at)
        where = ", ".join(sorted({s.node for s in early}))
        found.append(Check("no successor while the fault lasted", not early, where))
    if e.drill.no_restart:
        found.append(
            Check("LangFlow recovered without a restart", not e.restarted, ", ".join(e.restarted))
        )
    if e.integrity is not None:
        found.append(Check("langflow check-integrity", not e.integrity, e.integrity))
    return (*found, *e.extra_checks)


def _owner_checks(e: Evidence, line: Sequence[Holders]) -> list[Check]:
    """Judge who owned the VIP, where there are balancers for one."""
    if not e.nodes:
        return []
    windows = [(e.fault_at, e.fault_at + e.drill.handover_s)]
    if e.drill.return_s:
        windows.append((e.undo_at, e.undo_at + e.drill.return_s))
    powered = [p for p in line if p.at > e.undo_at or not e.without_power]
    in_fault = [p for p in line if p.at <= e.undo_at and e.without_power]
    wrong = measure.wrong_owner_counts(powered, e.nodes, windows)
    wrong += measure.wrong_owner_counts(in_fault, e.nodes - e.without_power, windows)
    if e.without_power == e.nodes:
        # Nobody is there to own it until the steady state; two owners stay wrong all the time.
        wrong = measure.several(line)
    return [
        Check("VIP owners were watched", len(line) > 0, f"{len(line)} samples"),
        Check("exactly one VIP owner outside the hand-over", not wrong, _points(wrong, e.fault_at)),
    ]


def _one_database(e: Evidence) -> Check:
    """Judge the writable databases; where an old primary thaws, those that would acknowledge a commit."""
    if e.drill.may_linger:
        both = measure.several(measure.acknowledging(e.samples))
        return Check("never two databases that acknowledge", not both, _points(both, e.fault_at))
    both = measure.several(measure.holders(e.samples, "pg"))
    return Check("never two writable databases", not both, _points(both, e.fault_at))


def _client_checks(e: Evidence) -> list[Check]:
    """Judge what the clients went through besides the budget."""
    found = []
    if e.runs:
        wrong = [trouble for run in e.runs if (trouble := measure.run_trouble(run))]
        found.append(
            Check(
                "background runs ended once and ran once",
                not wrong,
                f"{len(wrong)} of {len(e.runs)}, first: {wrong[0]}" if wrong else "",
            )
        )
    if e.hooks:
        found.append(_hooks_check(e))
    if e.drill.wait_s:
        waited = measure.longest_wait(e.requests, measure.IDEMPOTENT, e.fault_at)
        found.append(
            Check("clients got an answer in time", waited <= e.drill.wait_s, f"{waited:.1f} s")
        )
    if e.drill.clean:
        dirty = measure.unclean(e.requests, e.drill.clean, e.fault_at)
        shown = [f"{r.note or r.status} after {r.end - r.start:.1f} s" for r in dirty]
        detail = f"{len(shown)}, first: {shown[0]}" if shown else ""
        found.append(Check("failures are clean 503s", not dirty, detail))
    return found


def _hooks_check(e: Evidence) -> Check:
    """No accepted webhook may run twice; where none may fail, each must have run.

    LangFlow runs it after its answer and keeps no record that would outlive the process.
    """
    every = "webhook" in e.drill.budget.classes
    allowed = (1,) if every else (0, 1)
    wrong = [hook for hook in e.hooks if hook.executions not in allowed]
    lost = sum(hook.executions == 0 for hook in e.hooks)
    return Check(
        "accepted webhooks ran once" if every else "no accepted webhook ran twice",
        not wrong,
        f"{len(wrong)} wrong, {lost} not run, of {len(e.hooks)}",
    )


def _backlog_checks(e: Evidence) -> list[Check]:
    """Judge what became of the runs that were put into the target, and of those beside it."""
    if not e.drill.backlog:
        return []
    mine = [run for run in e.runs if run.node in e.targets]
    others = [run for run in e.runs if run.node and run.node not in e.targets]
    waiting = sum(run.waiting for run in mine)
    spoilt = [f"{run.state or 'open'}" for run in others if run.state != "completed"]
    never = [run for run in mine if run.waiting and run.state == "cancelled"]
    # A retry that comes after the closing is a new run, and rightly so.
    other = [
        run for run in mine if run.retried != run.job and (run not in never or not run.retried)
    ]
    anew = {run.token for run in e.runs if not run.node}
    not_once = [r for r in never if r.token not in anew or r.executions != 1]
    limit = e.fault_at + e.drill.budget.limit
    hanging = [
        reader.job for reader in e.readers if not reader.attached or (reader.ended or inf) > limit
    ]
    return [
        Check(
            "the target had runs to execute and in its queue",
            0 < waiting < len(mine),
            f"{len(mine) - waiting} and {waiting}",
        ),
        Check(
            "the queue of a living LangFlow was left alone",
            bool(others) and not spoilt,
            f"{len(spoilt)} of {len(others)}: {', '.join(spoilt[:3])}" if spoilt else "",
        ),
        Check("a retry found the same run", not other, f"{len(other)} of {len(mine)} did not"),
        Check(
            "what was closed ran once when it was submitted again",
            not not_once,
            f"{len(not_once)} of {len(never)} did not",
        ),
        Check(
            "event readers elsewhere saw the end",
            bool(e.readers) and not hanging,
            f"{len(hanging)} of {len(e.readers)} hung",
        ),
    ]


def _return_checks(e: Evidence, line: Sequence[Holders]) -> list[Check]:
    """Judge the return of a node (row L8): it keeps off the VIP and costs no second gap.

    Asked wherever a target held the VIP or lost its power; not when all did, as somebody must
    get the VIP then.
    """
    everybody = frozenset(e.targets) >= e.nodes
    if e.drill.fault == "none" or everybody:
        return []
    if e.drill.target != "vip_holder" and not e.without_power:
        return []
    back = measure.took_back(line, frozenset(e.targets), e.undo_at)
    # A target that still had it at the undo (healed in place within the budget) took nothing back.
    before = [p for p in line if p.at <= e.undo_at]
    kept = bool(before) and bool(before[-1].owners & frozenset(e.targets))
    found = [
        Check(
            "the recovered node left the VIP where it was",
            kept or not back,
            _points(back, e.fault_at),
        )
    ]
    budget = e.drill.budget
    if budget.kind is BudgetKind.GAP:
        limit = budget.limit if "ui" in budget.classes else SECOND_GAP_S
        second = measure.longest_gap(e.requests, "ui", e.undo_at, e.load_end)
        found.append(Check("no second gap at the return", second <= limit, f"{second:.2f} s"))
    return found


def _points(points: Sequence[Holders], origin: float) -> str:
    if not points:
        return ""
    first, last = points[0], points[-1]
    owners = ",".join(sorted(first.owners)) or "nobody"
    return f"{len(points)} samples from {first.at - origin:+.2f} s to {last.at - origin:+.2f} s, first: {owners}"


def judge(evidence: Evidence) -> Record:
    """Return the record of a run that took place: passed only if every check and the budget hold."""
    e = evidence
    figure = measured(e)
    results = checks(e)
    safe = all(check.ok for check in results)
    within = figure is not None and figure <= e.drill.budget.limit
    wrong = [f"{check.name}: {check.detail}" for check in results if not check.ok]
    if not within:
        shown = "nothing" if figure is None else f"{figure:.2f}"
        wrong.insert(0, f"over budget: measured {shown}, limit {e.drill.budget.limit:g}")
    return Record(
        drill=e.drill.id,
        title=e.drill.title,
        repetition=e.repetition,
        site=e.site,
        started=e.started,
        outcome=Outcome.PASSED if safe and within else Outcome.FAILED,
        reason="; ".join(wrong),
        targets=e.targets,
        fault_at=e.fault_at,
        undo_at=e.undo_at,
        seed=e.seed,
        measured=None if figure is None else round(figure, 3),
        budget_kind=str(e.drill.budget.kind),
        limit=e.drill.budget.limit,
        within_budget=within,
        safe=safe,
        steady_s=_rounded(e.steady_s),
        acknowledged=len(e.acknowledged),
        lost=len(e.lost),
        classes={
            cls: measure.stats(e.requests, cls, e.fault_at, e.load_end) for cls in e.drill.classes
        },
        checks=results,
        owners=measure.changes(measure.holders(e.samples, "vip"), e.fault_at),
        writable=measure.changes(measure.holders(e.samples, "pg"), e.fault_at),
        masters=measure.changes(measure.holders(e.samples, "valkey"), e.fault_at),
        runs=len(e.runs),
        runs_wrong=sum(bool(measure.run_trouble(run)) for run in e.runs),
        runs_settled_s=_rounded(measure.settling(e.runs, e.fault_at)),
        samples=len(e.samples),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def skipped(drill: Drill, site: str, repetition: int, started: float, reason: str) -> Record:
    """Return the record of a run that could not take place; it is not a passed one."""
    return Record(
        drill=drill.id,
        title=drill.title,
        repetition=repetition,
        site=site,
        started=started,
        outcome=Outcome.SKIPPED,
        reason=reason,
        budget_kind=str(drill.budget.kind),
        limit=drill.budget.limit,
    )
