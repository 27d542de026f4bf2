"""The daemon's edges: configuration, database, and what Prometheus reads."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import types
from typing import Any

import pytest
from exporter_helpers import Server, make, raw, run
from langflow_ha.exporter import config
from langflow_ha.exporter.daemon import Reader
from langflow_ha.exporter.database import Database
from langflow_ha.exporter.model import Look, Pending, Question
from langflow_ha.exporter.snapshot import Snapshot, metrics_text, status_json
from langflow_ha.node.strict import ConfigError
from promtool import PROMTOOL


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"limits": {"share": 2.0}}, "limits.share"),
        ({"limits": {"window": 5.0}}, "limits.window"),
        ({"limits": {"runs": 0}}, "limits.runs"),
        ({"listen_addresses": ["localhost"]}, "listen_addresses"),
        ({"listen_addresses": []}, "listen_addresses"),
        ({"surprise": 1}, "unknown key"),
    ],
)
def test_bad_configurations_are_refused(change: dict[str, Any], words: str) -> None:
    bad = raw(**change.pop("limits", {})) | change
    with pytest.raises(ConfigError, match=words):
        config.parse(bad)


def shown(server: Server) -> str:
    return metrics_text(Snapshot(server.config, server.state), 60.0).decode()


@pytest.fixture
def busy() -> Server:
    server = Server(make())
    server.add(
        run(1, 20, seconds=0.2), run(2, 21, seconds=4.0), run(3, 22, ok=False, seconds=999.0)
    )
    server.add(run(4, 23, "f2", name='say "hi"\\\n'))
    server.pending = (
        Pending("f1", "Flow f1", "queued", 3, 40.0),
        Pending("f1", "Flow f1", "running", 1, 90.0),
    )
    server.live(0, 60)
    return server


def test_metrics(busy: Server) -> None:
    lines = shown(busy).splitlines()
    flow = 'flow_id="f1",flow="Flow f1"'
    for line in (
        f'langflow_runs_total{{{flow},result="success"}} 2',
        f'langflow_runs_total{{{flow},result="error"}} 1',
        f"langflow_run_tokens_total{{{flow}}} 30",
        f"langflow_throughput{{{flow}}} 0.01",
        f"langflow_error_rate{{{flow}}} {1 / 3:.15g}",
        f"langflow_success_rate{{{flow}}} {2 / 3:.15g}",
        f'langflow_run_duration_seconds_bucket{{{flow},le="0.15"}} 0',
        f'langflow_run_duration_seconds_bucket{{{flow},le="0.2"}} 1',
        f'langflow_run_duration_seconds_bucket{{{flow},le="300"}} 2',
        f'langflow_run_duration_seconds_bucket{{{flow},le="+Inf"}} 3',
        f"langflow_run_duration_seconds_sum{{{flow}}} 1003.2",
        f"langflow_run_duration_seconds_count{{{flow}}} 3",
        f'langflow_runs_pending{{{flow},state="queued"}} 3',
        "langflow_oldest_queued_run_seconds 40",
        "langflow_exporter_up 1",
        "langflow_exporter_flows 2",
    ):
        assert line in lines
    assert r'flow="say \"hi\"\\\n"' in shown(busy)


def test_prometheus_can_read_it(busy: Server) -> None:
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"],
        input=shown(busy),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_run_no_rate(busy: Server) -> None:
    busy.live(60, 600)
    text = shown(busy)
    assert re.search(r"^langflow_throughput\{.*\} 0$", text, re.M)
    assert not re.search(r"^langflow_(error|success)_rate\{", text, re.M)


def test_trouble_shows() -> None:
    server = Server(make())
    server.error = "no route"
    server.live(0, 5)
    assert "langflow_exporter_up 0" in shown(server).splitlines()
    assert "langflow_exporter_look_age_seconds inf" in shown(server).splitlines()
    assert b"no route" in status_json(Snapshot(server.config, server.state), 1.0)


class Driver:
    """What a PostgreSQL would answer, and what it was asked."""

    def __init__(self) -> None:
        self.there = True
        self.broken = False
        self.asked: list[tuple[str, tuple[object, ...]]] = []
        self.connections = self.closed = 0
        self.options = ""

    def connect(self, _url: str, *, options: str) -> Driver:
        self.options = options
        self.connections += 1
        return self

    def cursor(self) -> Driver:
        return self

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> None:
        if self.broken:
            raise sys.modules["psycopg2"].Error("the server\n closed the connection")
        self.asked.append((statement, values))

    def fetchone(self) -> tuple[bool, float]:
        return self.there, 1000.0

    def fetchall(self) -> list[tuple[object, ...]]:
        if "FROM trace" in self.asked[-1][0]:
            return [("r1", "f1", "Flow", 990.0, 0.4, True, 3)]
        return [("f1", "Flow", "queued", 2, 7.0)]

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    found = Driver()
    module: Any = types.ModuleType("psycopg2")
    module.connect, module.Error = found.connect, type("Error", (Exception,), {})
    monkeypatch.setitem(sys.modules, "psycopg2", module)
    return found


def database() -> Database:
    return Database("postgresql://u:p@h/d", 2.0, 1, lambda: 5.0)


def test_a_look_is_bounded_and_cannot_write(driver: Driver) -> None:
    look = database().look(Question(900.0))
    assert (look.error, look.now, look.full) == ("", 1000.0, True)
    assert look.runs[0].flow == "f1" and look.pending[0].count == 2
    assert "statement_timeout=2000" in driver.options
    assert "default_transaction_read_only=on" in driver.options
    assert [values for statement, values in driver.asked if "FROM trace" in statement] == [
        (900.0, 1)
    ]
    assert all("LIMIT" in s for s, _ in driver.asked if "FROM trace" in s or "FROM job" in s)


def test_the_first_look_reads_no_runs_and_a_database_without_tables_none_at_all(
    driver: Driver,
) -> None:
    assert database().look(Question(None)).runs == ()
    driver.there = False
    look = database().look(Question(900.0))
    assert (look.error, look.runs, look.pending) == ("", (), ())


def test_a_broken_connection_is_made_anew(driver: Driver) -> None:
    reads = database()
    reads.look(Question(None))
    driver.broken = True
    assert reads.look(Question(None)).error == "the server closed the connection"
    driver.broken = False
    assert reads.look(Question(None)).error == ""
    assert (driver.connections, driver.closed) == (2, 1)


def test_a_reader_that_hangs_stops_nobody() -> None:
    def slow(_question: Question) -> Look:
        time.sleep(0.2)
        return Look(0.0, 0.2)

    reader = Reader(slow)
    reader.ask(Question(None))
    assert reader.news(0.01) == []
    assert reader.news(5.0) == [Look(0.0, 0.2)]
