"""The skeleton that every drill runs through; what differs is data (`catalogue/`, `faults/`).

precheck → client load and watchers → arm the self-undo and inject → hold → undo → steady state →
verify → judge → record. The undo runs whatever happens in between, Ctrl-C included, and the timer
on the node runs it when this process is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import httpx

from langflow_ha.drill import measure
from langflow_ha.drill.backlog import Backlog, BacklogError
from langflow_ha.drill.faults import FAULTS, PREPARATIONS, PREPARE_S
from langflow_ha.drill.http import ApiError
from langflow_ha.drill.judge import Evidence, judge, skipped
from langflow_ha.drill.load import Clients
from langflow_ha.drill.model import Acknowledged, Drill, Record
from langflow_ha.drill.orders import (
    Order,
    Undo,
    drawn,
    phases,
    power_guard,
    randomness,
    undo_after_s,
)
from langflow_ha.drill.select import NoTarget, refusal, suited, targets, unfit
from langflow_ha.drill.series import timed
from langflow_ha.drill.traces import active_faults
from langflow_ha.drill.watch import Watchers
from langflow_ha.status.model import ClusterView
from langflow_ha.status.remote import Remote, RemoteError
from langflow_ha.status.site import Node, Site

WARM_UP_S = 3.0
WARM_UP_MAX_S = 30.0
"""How long to wait for a first success: a LangFlow that has just started loads what its first flow needs, 10 s of CPU."""
POLL_S = 2.0
VERIFY_S = 60.0
SETTLE_S = 60.0
"""How long a prepared cluster, or the open background runs after a drill, may take to come to rest."""
INTEGRITY = "/usr/local/lib/langflow-ha/langflow-admin check-integrity"
INTEGRITY_S = 240.0
INVOCATION = "systemctl show --property=InvocationID --value langflow.service"

View = Callable[[], Awaitable[ClusterView]]
Say = Callable[[str], None]
MakeLoad = Callable[[], Clients]


class Engine:
    """Runs drills one at a time against one site."""

    def __init__(
        self,
        site: Site,
        remote: Remote,
        view: View,
        make_load: MakeLoad,
        say: Say,
        seed: int = 0,
    ) -> None:
        self.site = site
        self.remote = remote
        self.view = view
        self.make_load = make_load
        self.say = say
        self.seed = seed

    async def run(self, drill: Drill, repetition: int = 1, *, integrity: bool = True) -> Record:
        """Run one repetition and return its record; never raises for what the cluster does."""
        started = time.time()
        drill = drawn(suited(drill, self.site.nodes), self.seed, repetition)
        random = randomness(drill, self.seed, repetition)
        try:
            view = await self.view()
            reason = refusal(drill, view, await self.active())
            names = () if reason else targets(drill.target, view, random)
        except NoTarget as none:
            reason, names = str(none), ()
        if reason := reason or await self._prepare(drill, names):
            return skipped(drill, self.site.name, repetition, started, reason)
        self.say(f"{drill.title}{': ' + ', '.join(names) if names else ''}")
        watchers = Watchers(self.site, self.remote)
        load = self.make_load()
        backlog = load.backlog(self.site, self.remote)
        try:
            if silent := await watchers.start():
                reason = f"no samples from {', '.join(silent)}: is python3 there?"
                return skipped(drill, self.site.name, repetition, started, reason)
            load.start(drill.classes)
            await self._warm_up(drill, load)
            reason = unfit(load.requests, drill) or await self._fill(drill, names, backlog)
            if reason:
                return skipped(drill, self.site.name, repetition, started, reason)
            evidence = await self._break_and_mend(
                drill, repetition, started, names, load, watchers, backlog
            )
        finally:
            await load.stop()
            await backlog.stop()
            await watchers.stop()
        evidence = await self._verify(evidence, load, integrity=integrity)
        return timed(judge(evidence), evidence.requests)

    async def _warm_up(self, drill: Drill, load: Clients) -> None:
        """Let the load run, and wait until each class has had a success, or for as long as is bearable."""
        limit = time.monotonic() + WARM_UP_MAX_S
        await asyncio.sleep(WARM_UP_S)
        while time.monotonic() < limit and unfit(load.requests, drill):
            await asyncio.sleep(POLL_S)

    async def _prepare(self, drill: Drill, names: tuple[str, ...]) -> str:
        """Bring the targets into the state that the drill is about; return why that cannot be, "" when it is."""
        if not drill.prepare:
            return ""
        for name in names:
            self.say(f"preparing {name}: {drill.prepare.replace('_', ' ')}")
            script = PREPARATIONS[drill.prepare]
            try:
                done = await self.remote.run(self.site.node(name), script, timeout=PREPARE_S)
            except RemoteError as error:
                return str(error)
            if done.code:
                return f"{name} could not be prepared: {done.stderr.strip()[-200:]}"
        return await self._healthy_again(drill)

    async def _healthy_again(self, drill: Drill) -> str:
        """Wait until what a preparation moved has settled; return why it has not, "" when it has."""
        until = time.monotonic() + SETTLE_S
        while reason := refusal(drill, await self.view(), []):
            if time.monotonic() > until:
                return f"after its preparation {reason}"
            await asyncio.sleep(POLL_S)
        return ""

    async def _break_and_mend(
        self,
        drill: Drill,
        repetition: int,
        started: float,
        names: tuple[str, ...],
        load: Clients,
        watchers: Watchers,
        backlog: Backlog,
    ) -> Evidence:
        trouble, steady = "", None
        fault_at = undo_at = time.time()
        undo = Undo()
        unsteady = ""
        before = await self._invocations(drill)
        async with self._mending(undo):
            try:
                fault_at = await self._inject(drill, names, undo)
                await backlog.retry()
                await self._hold(drill, load, fault_at, backlog)
                await backlog.start_over()
            except (RemoteError, OSError, ValueError) as error:
                trouble = f"injection: {error}"
            self.say(f"undo after {time.time() - fault_at:.1f} s")
            undo_at = time.time()
            trouble = await self._undo(undo) or trouble
        await asyncio.sleep(drill.watch_s)
        steady, unsteady = await self._steady(drill, load, undo_at)
        after = await self._invocations(drill)
        load_end = await load.stop()
        return Evidence(
            drill=drill,
            site=self.site.name,
            repetition=repetition,
            started=started,
            targets=names,
            nodes=frozenset(node.name for node in self.site.nodes if "balancer" in node.groups),
            without_power=frozenset(names if FAULTS[drill.fault].power else ()),
            fault_at=fault_at,
            undo_at=undo_at,
            load_end=load_end,
            steady_s=steady,
            unsteady=unsteady,
            requests=load.requests,
            samples=watchers.samples,
            acknowledged=load.acknowledged,
            runs=[*load.runs, *backlog.runs],
            hooks=load.hooks,
            readers=backlog.readers,
            restarted=sorted(name for name, id_ in before.items() if after.get(name) != id_),
            trouble=trouble,
            seed=self.seed,
        )

    async def _invocations(self, drill: Drill) -> dict[str, str]:
        """Return which start of LangFlow runs on each node, where the drill cares; nodes without an answer lack."""
        found = {}
        for node in self.site.nodes:
            if drill.no_restart and "langflow" in node.groups:
                with contextlib.suppress(RemoteError):
                    found[node.name] = (await self.remote.run(node, INVOCATION)).stdout.strip()
        return found

    async def active(self) -> list[str]:
        """Return the traces of a fault that is active on any node, each with the node's name."""
        return await active_faults(self.site, self.remote)

    async def _inject(self, drill: Drill, names: tuple[str, ...], undo: Undo) -> float:
        """Break the targets; return when the first of them broke."""
        fault = FAULTS[drill.fault]
        moments = []
        for phase in phases(self.site, drill, names):
            undo.broken += phase
            tried = await asyncio.gather(
                *(self._break(order) for order in phase), return_exceptions=True
            )
            for outcome in tried:
                if isinstance(outcome, BaseException):
                    raise outcome
                moments.append(outcome)
        if fault.power:
            return await self._take_power([self.site.node(name) for name in names], drill, undo)
        return min(moments, default=time.time())

    async def _take_power(self, nodes: list[Node], drill: Drill, undo: Undo) -> float:
        limit = undo_after_s(drill)
        undo.guards = [guard for node in nodes if (guard := power_guard(node, limit))]
        undo.without_power = nodes
        # Before the order, not after: the power is gone half a second before its report is back.
        # A gap is taken between successes, so an early time only places it.
        ordered = time.time()
        await asyncio.gather(*(self.remote.power_off(node) for node in nodes))
        return ordered

    async def _break(self, order: Order) -> float:
        done = await self.remote.run(order.node, order.inject, timeout=order.fault.inject_s)
        if done.code:
            raise RemoteError(
                f"{order.node.name}: exit code {done.code}: {done.stderr.strip()[-300:]}"
            )
        return float(done.stdout.split()[0])

    async def _fill(self, drill: Drill, names: tuple[str, ...], backlog: Backlog) -> str:
        """Give the target its background runs; return why that cannot be, "" when it is done or not wanted."""
        if drill.backlog:
            try:
                await backlog.fill(names[0])
            except BacklogError as error:
                return f"no background runs in {names[0]}: {error}"
        return ""

    async def _hold(self, drill: Drill, load: Clients, fault_at: float, backlog: Backlog) -> None:
        """Keep the fault for its time; longer, up to the bound, until the client has recovered."""
        classes = drill.budget.classes or drill.classes
        while (lasted := time.time() - fault_at) < drill.hold_max_s:
            recovered = measure.recovered(load.requests, classes, fault_at)
            if lasted >= drill.hold_s and recovered and backlog.settled:
                return
            await asyncio.sleep(0.25)

    @contextlib.asynccontextmanager
    async def _mending(self, undo: Undo) -> AsyncIterator[None]:
        """Make sure that the undo has been tried when this block is left, however that happens."""
        try:
            yield
        finally:
            if not undo.done:
                self.say("undoing the fault")
                await asyncio.shield(self._undo(undo))

    async def _undo(self, undo: Undo) -> str:
        """Mend what is broken; return what went wrong with that, "" if nothing did."""
        trouble = []
        for node in undo.without_power:
            try:
                await self.remote.power_on(node)
            except RemoteError as error:
                trouble.append(str(error))
        for guard in undo.guards:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(guard.pid, signal.SIGTERM)
            guard.wait()
        for order in reversed(undo.broken):
            name = order.node.name
            try:
                done = await self.remote.run(order.node, order.undo, timeout=order.fault.undo_s)
                if done.code:
                    trouble.append(f"undo on {name}: {done.stderr.strip()[-200:]}")
            except RemoteError as error:
                trouble.append(f"undo on {name}: {error}")
        undo.done = True
        return "; ".join(trouble)

    async def _steady(self, drill: Drill, load: Clients, since: float) -> tuple[float | None, str]:
        """Wait until the cluster is as healthy as before; return the time it took, or why not."""
        reason = "was not asked"
        while time.time() - since < drill.steady_s:
            view = await self.view()
            reason = refusal(drill, view, [])
            if not reason and measure.recovered(load.requests, drill.classes, since):
                return time.time() - since, ""
            reason = reason or "the client has not recovered"
            await asyncio.sleep(POLL_S)
        return None, f"not within {drill.steady_s:g} s: {reason}"

    async def _verify(self, evidence: Evidence, load: Clients, *, integrity: bool) -> Evidence:
        """Ask the cluster for everything that it acknowledged, and for its own integrity check."""
        lost, unverified = await self._missing(load)
        await load.settle(evidence.runs, SETTLE_S)
        found: str | None = None
        nodes = [node for node in self.site.nodes if "langflow" in node.groups]
        if integrity and nodes and not unverified:
            found = await self._integrity(nodes[0])
        return replace(evidence, lost=lost, unverified=unverified, integrity=found)

    async def _missing(self, load: Clients) -> tuple[list[Acknowledged], str]:
        writes = load.acknowledged
        limit = time.monotonic() + VERIFY_S
        while True:
            try:
                lost = await load.missing()
            except (httpx.HTTPError, ApiError, RemoteError, ValueError) as error:
                if time.monotonic() > limit:
                    return [], f"could not be verified: {error or type(error).__name__}"
                await asyncio.sleep(POLL_S)
                continue
            kept = [write for write in writes if write not in lost]
            with contextlib.suppress(httpx.HTTPError, ApiError, RemoteError):
                await load.clean(kept)
            return lost, ""

    async def _integrity(self, node: Node) -> str:
        """Return "" when `check-integrity` is clean on a LangFlow node, its last lines otherwise."""
        try:
            done = await self.remote.run(node, INTEGRITY, timeout=INTEGRITY_S)
        except RemoteError as error:
            return str(error)
        return (
            ""
            if done.code == 0
            else (done.stdout + done.stderr).strip()[-400:] or f"exit code {done.code}"
        )
