"""The whole skeleton against a fake cluster: a local HTTP server, fake nodes, seconds per run."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from langflow_ha.drill import during, heavy, http, verify
from langflow_ha.drill import engine as engine_module
from langflow_ha.drill.catalogue import CATALOGUE
from langflow_ha.drill.engine import INTEGRITY, INVOCATION, Engine
from langflow_ha.drill.faults import PREPARATIONS
from langflow_ha.drill.faults.script import DIRECTORY
from langflow_ha.drill.http import Api, client
from langflow_ha.drill.load import Load
from langflow_ha.drill.measure import STALE_S
from langflow_ha.drill.model import Budget, BudgetKind, Drill, Outcome, Record
from langflow_ha.drill.orders import drawn
from langflow_ha.drill.series import TimedRecord
from langflow_ha.status.decide import decide
from langflow_ha.status.model import ClusterView, NodeStatus
from langflow_ha.status.remote import Completed, RemoteError
from langflow_ha.status.site import Node, Site

GROUPS = frozenset({"cluster", "balancer", "langflow", "postgresql"})
NAMES = ("n1", "n2", "n3")


class FakeLangflow:
    """Enough of LangFlow's API for the load; `down` makes it drop every connection."""

    def __init__(self) -> None:
        self.flows: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.revisions: dict[str, str] = {}
        self.executions: dict[str, int] = {}
        self.jobs: dict[str, str] = {}
        self.down = False
        self.forgets = False
        self.stale = False
        self.job_state = "completed"
        self.runs_each = 1
        self.hooks: list[str] = []
        self.hooks_each = 1
        self.numbers = itertools.count(1)
        self.port = 0

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self.down:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                if self.down:
                    break
                found = re.search(r"content-length: (\d+)", head, re.I)
                body = await reader.readexactly(int(found.group(1))) if found else b""
                method, path, _ = head.split(" ", 2)
                status, answer = self._answer(method, path, body)
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text
                )
                if "Connection: close" in head:
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        number = str(next(self.numbers))
        path, _, query = target.partition("?")
        asked = dict(parse_qsl(query))
        match method, path:
            case "POST", "/api/v1/login":
                return 200, {"access_token": "t"}
            case "POST", "/api/v1/api_key/":
                return 200, {"api_key": "sk", "id": number}
            case "POST", "/api/v1/flows/":
                if not self.forgets:
                    self.flows[number] = json.loads(body)["name"]
                return 201, {"id": number}
            case "GET", "/api/v1/flows/":
                return 200, [{"id": i, "name": n} for i, n in self.flows.items()]
            case "DELETE", "/api/v1/flows/":
                for id_ in json.loads(body):
                    del self.flows[id_]
            case "POST", "/api/v2/files/":
                self.files[number] = body.split(b"\r\n\r\n")[1].split(b"\r\n")[0]
                return 201, {"id": number}
            case "GET", _ if path.startswith("/api/v2/files/"):
                content = self.files.get(path.rsplit("/", 1)[1])
                return (200, content) if content is not None else (404, {})
            case "PATCH", _ if path.startswith("/api/v1/flows/"):
                if not self.stale:
                    self.revisions[path.rsplit("/", 1)[1]] = json.loads(body)["description"]
            case "GET", _ if path.startswith("/api/v1/flows/"):
                return 200, {"description": self.revisions.get(path.rsplit("/", 1)[1], "")}
            case "POST", "/api/v2/workflows":
                token = json.loads(body)["idempotency_key"]
                self.executions[token] = self.runs_each
                self.jobs[number] = self.job_state
                return 200, {"job_id": number, "status": "queued"}
            case "GET", "/api/v2/workflows":
                return 200, {"status": self.jobs[asked["job_id"]]}
            case "POST", _ if path.startswith("/api/v1/webhook/"):
                self.hooks += [json.loads(body)["token"]] * self.hooks_each
                return 202, {"status": "in progress"}
            case "GET", "/api/v1/monitor/messages" if "flow_id" in asked:
                return 200, [{"text": f'{{"token": "{token}"}}'} for token in self.hooks]
            case "GET", "/api/v1/monitor/messages":
                times = self.executions.get(asked["session_id"], 0)
                return 200, [{"sender": "User"}, {"sender": "Machine"}] * times
            case "POST", _ if path.startswith("/api/v1/run/") and asked["stream"] == "true":
                text = json.loads(body)["input_value"]
                events = [{"event": "add_message", "data": text}, {"event": "end", "data": {}}]
                return 200, "".join(json.dumps(e) + "\n\n" for e in events).encode()
            case "POST", _ if path.startswith("/api/v1/run/"):
                return 200, {"outputs": json.loads(body)["input_value"]}
        return 200, {}


class FakeRemote:
    """Three nodes; n1 holds the VIP until its power goes, then n2 does."""

    def __init__(self, langflow: FakeLangflow) -> None:
        self.langflow = langflow
        self.owner = "n1"
        self.off: set[str] = set()
        self.scripts: list[tuple[str, str]] = []
        self.outage_s = 0.4
        self.integrity = 0
        self.fail_injection = False
        self.steals_back = False
        self.harmless = False
        self.restarts = False
        self.unprepared = ""
        self.promotes = False
        self.log: list[str] = []
        self.last: dict[str, float] = {}
        """When each node's watcher spoke last."""
        self.returned = 0.0

    async def run(self, node: Node, script: str, *, timeout: float = 20.0) -> Completed:
        if node.name in self.off:
            raise RemoteError(f"{node.name}: no answer")
        self.scripts.append((node.name, script))
        if script == INVOCATION:
            begun = any("systemd-run" in script for _, script in self.scripts)
            return Completed(0, f"start {node.name == 'n1' and self.restarts and begun}", "")
        if script == INTEGRITY:
            return Completed(self.integrity, "", "files missing")
        if script in PREPARATIONS.values():
            return Completed(int(bool(self.unprepared)), "", self.unprepared)
        if "patronictl" in script:
            self.log.append("pause" if "systemd-run" in script else "resume")
            return Completed(0, f"{time.time()}\n", "")
        if "systemd-run" in script:
            if self.fail_injection:
                return Completed(1, "", "no systemd here")
            if not self.harmless:
                await self._outage()
            return Completed(0, f"{time.time()}\n", "")
        return Completed(0, "", "")

    async def _outage(self) -> None:
        self.langflow.down = True

        async def end() -> None:
            await asyncio.sleep(self.outage_s)
            self.langflow.down = False

        self.task = asyncio.create_task(end())

    async def stream(self, node: Node, command: str, stdin: str) -> AsyncIterator[str]:
        if node.name in self.off:
            return
        while node.name not in self.off:
            now = self.last[node.name] = time.time()
            yield json.dumps({"at": now, "kind": "vip", "value": self.owner == node.name})
            promoted = node.name == "n2" and self.promotes and bool(self.off)
            yield json.dumps({"at": now, "kind": "pg", "value": node.name == "n3" or promoted})
            yield "Welcome to this host\n"
            await asyncio.sleep(0.05)

    async def power_off(self, node: Node) -> float:
        self.log.append(f"off {node.name}")
        self.off.add(node.name)
        await self._outage()
        self.owner = "n2"
        # The others are heard until the silent node's last word has lost its weight.
        while self.last["n2"] - self.last[node.name] <= 2 * STALE_S:
            await asyncio.sleep(0.05)
        return time.time()

    async def power_on(self, node: Node) -> None:
        self.log.append(f"on {node.name}")
        self.off.discard(node.name)
        self.returned = time.time()
        if self.steals_back:
            self.owner = node.name

    def unheard(self, name: str) -> bool:
        """Whether a node is off, or back without its watcher having spoken since."""
        return name in self.off or self.last.get(name, 0.0) < self.returned


class World:
    def __init__(self, tmp_path: Path) -> None:
        self.langflow = FakeLangflow()
        self.remote = FakeRemote(self.langflow)
        self.lines: list[str] = []
        self.sync = True
        self.tmp_path = tmp_path

    async def view(self) -> ClusterView:
        nodes = tuple(
            NodeStatus(name, GROUPS, error="off")
            if self.remote.unheard(name)
            else NodeStatus(
                name,
                GROUPS,
                holds_vip=self.remote.owner == name,
                standing="fit",
                langflow=True,
                postgresql="primary" if name == "n3" else "replica",
                synchronous=self.sync,
            )
            for name in NAMES
        )
        return ClusterView("test", ("127.0.0.1",), time.time(), nodes, decide(nodes, 0.0))

    async def drill(
        self,
        drill: Drill,
        runner: Callable[[Engine], Engine] = lambda engine: engine,
        **options: bool,
    ) -> Record:
        server = await self.langflow.serve()
        url = f"http://127.0.0.1:{self.langflow.port}"
        nodes = tuple(Node(n, n, n, GROUPS, ("ssh", n), sudo=False) for n in NAMES)
        site = Site(
            "test", self.tmp_path, nodes, "127.0.0.1", "", url, None, "admin", {"password": "p"},
            production=False, mode="active_active", lab=self.tmp_path,
        )  # fmt: skip
        api = Api(client(url, None))
        await api.login("admin", "p")
        await api.prepare()

        def load() -> Load:
            made = Load(url, None, api)
            made.classes = {
                c: (min(0.3, max(0.05, i / 5)), action) for c, (i, action) in made.classes.items()
            }
            return made

        engine = Engine(site, self.remote, self.view, load, self.lines.append, 1)
        try:
            return await runner(engine).run(drill, **options)
        finally:
            await api.close()
            server.close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(engine_module, "WARM_UP_S", 0.4)
    monkeypatch.setattr(engine_module, "POLL_S", 0.1)
    # A busy machine is slow to connect and to answer; what the tests break answers at once, or never.
    monkeypatch.setattr(engine_module, "WARM_UP_MAX_S", 120.0)
    for name in ("CONNECT_S", "REQUEST_S", "PAGE_S"):
        monkeypatch.setattr(http, name, 60.0)
    return World(tmp_path)


def quick(id_: str, **changes: Any) -> Drill:
    (drill,) = (drill for drill in CATALOGUE if drill.id == id_)
    # The bounds are only there to end a test that hangs: a busy machine must not fail one.
    values = {"hold_s": 1.0, "hold_max_s": 60.0, "steady_s": 60.0, **changes}
    return replace(drill, **values)


def test_a_power_drill_from_end_to_end(world: World) -> None:
    patient = Budget(BudgetKind.GAP, 30, ("ui",))
    record = asyncio.run(world.drill(quick("vip-power", budget=patient)))
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.targets == ("n1",)
    assert record.measured is not None
    assert record.measured > 0.35
    assert record.acknowledged > 2
    assert record.classes["ui"].failed > 0
    assert isinstance(record, TimedRecord)
    assert sum(record.timeline.classes["ui"].failed) >= record.classes["ui"].failed
    # What the drill wrote has been removed again; the echo flow stays for the next one.
    assert list(world.langflow.flows.values()) == ["drill-echo", "drill-webhook"]


def test_over_budget_fails(world: World) -> None:
    world.remote.outage_s = 2.0
    record = asyncio.run(world.drill(quick("vip-power")))
    assert record.outcome is Outcome.FAILED
    assert "over budget" in record.reason


def test_a_lost_write_fails(world: World) -> None:
    world.langflow.forgets = True
    world.langflow.flows["0"] = "drill-echo"
    record = asyncio.run(world.drill(quick("none")))
    assert record.outcome is Outcome.FAILED
    assert record.lost > 0


def test_a_failed_integrity_check_fails(world: World) -> None:
    world.remote.integrity = 1
    record = asyncio.run(world.drill(quick("none")))
    assert "check-integrity: files missing" in record.reason


def test_a_node_that_takes_the_vip_back_fails(world: World) -> None:
    world.remote.steals_back = True
    record = asyncio.run(world.drill(quick("vip-power")))
    assert "left the VIP where it was" in record.reason


def test_every_kind_of_client_is_verified(world: World) -> None:
    record = asyncio.run(world.drill(quick("none")))
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.runs > 0
    assert record.runs_wrong == 0
    assert {stats.failed for stats in record.classes.values()} == {0}
    assert all(stats.total for cls, stats in record.classes.items() if cls != "login")


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("stale", True, "acknowledged writes are all there"),
        ("runs_each", 2, "executed 2 times"),
        ("runs_each", 0, "completed without a trace"),
        ("hooks_each", 2, "accepted webhooks ran once"),
        ("hooks_each", 0, "accepted webhooks ran once"),
    ],
)
def test_what_clients_were_told_must_be_true(
    world: World, attribute: str, value: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "HOOKS_S", 0.1)
    setattr(world.langflow, attribute, value)
    record = asyncio.run(world.drill(quick("none")))
    assert record.outcome is Outcome.FAILED
    assert reason in record.reason


def test_a_run_that_never_ends_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "SETTLE_S", 0.3)
    # Long enough for the first run, which ends: without a success there is no drill.
    monkeypatch.setattr(heavy, "PATIENCE_S", 2.0)

    async def stuck() -> Record:
        task = asyncio.create_task(world.drill(quick("none", hold_max_s=2, steady_s=2)))
        while not world.langflow.jobs:
            await asyncio.sleep(0.01)
        world.langflow.job_state = "queued"
        return await task

    record = asyncio.run(stuck())
    assert record.runs_wrong > 0
    assert "no definite state (queued)" in record.reason


def test_a_drained_restart_drains_everywhere_first_and_undrains_last(world: World) -> None:
    world.remote.harmless = True
    record = asyncio.run(world.drill(quick("langflow-restart")))
    assert record.outcome is Outcome.PASSED, record.reason
    (target,) = record.targets
    head = f"TARGETS={target}\nDIRECTORY={DIRECTORY}"
    deeds = {
        "drain": "date +%s.%N\nfor name in $TARGETS; do /usr/local/libexec/langflow-ha-haproxy drain",
        "restart": "date +%s.%N\nsystemctl restart --no-block langflow",
        "wait": f"{head}\nfor attempt in",
        "undrain": f"{head}\nfor name in $TARGETS; do /usr/local/libexec/langflow-ha-haproxy undrain",
    }
    done = [
        (deed, name)
        for name, script in world.remote.scripts
        for deed, text in deeds.items()
        if (text in script if "date" in text else script.startswith(text))
    ]
    assert [deed for deed, _ in done] == ["drain"] * 3 + ["restart", "wait"] + ["undrain"] * 3
    assert sorted(name for deed, name in done if deed == "undrain") == list(NAMES)
    assert {name for deed, name in done if deed in ("restart", "wait")} == {target}


def test_a_large_file_is_uploaded_once_and_read_back(world: World) -> None:
    drill = quick("none", classes=("ui", "large"), budget=Budget(BudgetKind.FAILED, 0, ("large",)))
    record = asyncio.run(world.drill(drill))
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.acknowledged == 1
    assert record.classes["large"].total > 2


def test_wrong_bytes_are_no_answer(world: World) -> None:
    async def rotting() -> Record:
        drill = quick("none", classes=("ui", "large"), hold_s=2, hold_max_s=2, steady_s=2)
        budget = Budget(BudgetKind.FAILED, 0, ("large",))
        task = asyncio.create_task(world.drill(replace(drill, budget=budget)))
        while not any("n3: " in line or "undo after" in line for line in world.lines):
            await asyncio.sleep(0.05)
        world.langflow.files = {i: b"x" + text[1:] for i, text in world.langflow.files.items()}
        return await task

    record = asyncio.run(rotting())
    assert record.outcome is Outcome.FAILED
    assert record.classes["large"].notes == {"wrong bytes": record.classes["large"].failed}
    assert record.lost == 1


def test_a_restarted_langflow_is_no_recovery_by_itself(world: World) -> None:
    world.remote.harmless = True
    drill = quick("none", fault="haproxy_killed", target="langflow", no_restart=True)
    world.remote.restarts = True
    assert "recovered without a restart: n1" in asyncio.run(world.drill(drill)).reason


def test_no_standby_is_skipped_and_nothing_is_touched(world: World) -> None:
    world.sync = False
    record = asyncio.run(world.drill(quick("haproxy-kill")))
    assert record.outcome is Outcome.SKIPPED
    assert not any("systemd-run" in script for _, script in world.remote.scripts)


def test_a_failed_injection_is_undone_and_fails(world: World) -> None:
    world.remote.fail_injection = True
    record = asyncio.run(world.drill(quick("haproxy-kill")))
    assert record.outcome is Outcome.FAILED
    assert "no systemd here" in record.reason
    assert any("systemctl stop" in script for _, script in world.remote.scripts)


def test_ctrl_c_undoes_the_fault(world: World) -> None:
    async def interrupted() -> None:
        task = asyncio.create_task(world.drill(quick("haproxy-kill", hold_s=30, hold_max_s=30)))
        while not any("systemd-run" in script for _, script in world.remote.scripts):
            assert not task.done(), task.result().reason
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    assert any("systemctl stop" in script for name, script in world.remote.scripts if name == "n1")


def test_load_without_an_answer_is_no_base_for_a_drill(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing will come, and the load of this world has asked many times by then.
    monkeypatch.setattr(engine_module, "WARM_UP_MAX_S", 1.0)

    async def deaf() -> Record:
        task = asyncio.create_task(world.drill(quick("none")))
        while len(world.langflow.flows) < 2:
            await asyncio.sleep(0.01)
        world.langflow.down = True
        return await task

    record = asyncio.run(deaf())
    assert record.outcome is Outcome.SKIPPED
    assert "before the fault" in record.reason


def test_a_drawn_hold_is_kept_whatever_the_client_sees(world: World) -> None:
    world.remote.harmless = True
    drill = quick("haproxy-kill", hold_s=0.5, hold_max_s=60.0, hold_drawn=True)
    expected = drawn(drill, 1, 1).hold_s
    assert 1.0 < expected < 3.0, "else the hold says nothing about the draw"
    patient = replace(drill, budget=Budget(BudgetKind.GAP, 60, ("ui",)))
    record = asyncio.run(world.drill(patient))
    assert record.outcome is Outcome.PASSED, record.reason
    assert expected - 0.1 <= record.undo_at - record.fault_at < 30.0
    assert record.seed == 1


def test_a_seed_draws_the_same_times_again_and_another_other_ones() -> None:
    drill = quick("haproxy-kill", hold_s=1.0, hold_max_s=100.0, hold_drawn=True)
    times = [drawn(drill, 7, repetition).hold_s for repetition in range(1, 11)]
    assert times == [drawn(drill, 7, repetition).hold_s for repetition in range(1, 11)]
    assert len(set(times)) == 10
    assert all(1.0 <= time <= 100.0 for time in times)
    assert drawn(drill, 8, 1) != drawn(drill, 7, 1)
    assert drawn(quick("haproxy-kill"), 7, 1) == quick("haproxy-kill")


def test_what_cannot_be_prepared_is_skipped_unbroken(world: World) -> None:
    world.remote.unprepared = "no etcd member on this node"
    record = asyncio.run(world.drill(quick("etcd-leader-power")))
    assert record.outcome is Outcome.SKIPPED
    assert "n3 could not be prepared: no etcd member on this node" in record.reason
    assert not world.remote.off


def test_a_pause_comes_before_the_power_goes_and_ends_after_it_is_back(world: World) -> None:
    record = asyncio.run(world.drill(quick("paused-power", hold_s=0.5, hold_max_s=1.0)))
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.targets == ("n3",)
    deeds = [(name, script) for name, script in world.remote.scripts if "patronictl" in script]
    paused = [name for name, script in deeds if "systemd-run" in script]
    resumed = [name for name, script in deeds if "systemd-run" not in script]
    assert sorted(paused) == sorted(resumed) == ["n1", "n2"]
    log = world.remote.log
    assert log.index("pause") < log.index("off n3") < log.index("on n3") < log.index("resume")


def test_a_successor_while_paused_fails(world: World) -> None:
    world.remote.promotes = True
    record = asyncio.run(world.drill(quick("paused-power", hold_s=1.0, hold_max_s=1.5)))
    assert "no successor while the fault lasted: n2" in record.reason


def beside(world: World, script: str, outage_s: float | None = None) -> Record:
    """Run a shell script under the load."""
    command = ("sh", "-c", script)
    drill = replace(during.drill(command, outage_s), steady_s=60.0)
    engine = world.drill(drill, lambda made: during.During(made, command), integrity=False)
    return asyncio.run(engine)


def test_a_command_without_an_outage_passes(world: World) -> None:
    record = beside(world, "sleep 1")
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.undo_at - record.fault_at >= 1
    assert record.acknowledged > 2 and record.classes["run"].total > 2
    assert record.title == "sh -c 'sleep 1'"


def test_a_command_that_fails_fails(world: World) -> None:
    record = beside(world, "exit 4")
    assert record.outcome is Outcome.FAILED
    assert "the command succeeded: exit code 4" in record.reason


@pytest.mark.parametrize(
    ("allowed", "outcome"), [(None, Outcome.FAILED), (0.3, Outcome.FAILED), (60.0, Outcome.PASSED)]
)
def test_an_outage_is_judged_by_what_was_announced(
    world: World, tmp_path: Path, allowed: float | None, outcome: Outcome
) -> None:
    """Also the part of it that comes after the command's end."""
    world.remote.outage_s = 1.5

    async def breaking() -> Record:
        command = ("sleep", "0.5")
        drill = replace(during.drill(command, allowed), steady_s=60.0)
        task = asyncio.create_task(
            world.drill(drill, lambda made: during.During(made, command), integrity=False)
        )
        while not any("undo after" in line for line in world.lines):
            await asyncio.sleep(0.02)
        await world.remote._outage()
        return await task

    record = asyncio.run(breaking())
    assert record.outcome is outcome, record.reason
    assert record.lost == 0


def test_a_write_that_is_lost_fails_whatever_outage_is_allowed(world: World) -> None:
    world.langflow.forgets = True
    world.langflow.flows["0"] = "drill-echo"
    record = beside(world, "sleep 0.5", 60.0)
    assert record.outcome is Outcome.FAILED and record.lost > 0


def test_an_interrupted_command_is_ended(world: World, tmp_path: Path) -> None:
    command = (
        "sh",
        "-c",
        f"trap 'echo over > {tmp_path}/end; exit' TERM; touch {tmp_path}/on; sleep 60 & wait",
    )

    async def interrupted() -> None:
        task = asyncio.create_task(
            world.drill(during.drill(command, None), lambda made: during.During(made, command))
        )
        while not (tmp_path / "on").exists():
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)  # the command may run before its starter knows it
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    assert (tmp_path / "end").read_text() == "over\n"
