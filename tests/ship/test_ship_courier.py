"""Nothing is lost, whichever side dies when."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from langflow_ha.node.strict import ConfigError
from langflow_ha.ship import courier as courier_module
from langflow_ha.ship.config import parse
from langflow_ha.ship.courier import Courier
from langflow_ha.ship.entry import entry
from langflow_ha.ship.mask import masker
from langflow_ha.ship.snapshot import lag, metrics_text, status_json
from ship_helpers import LIMITS, FakeJournal, FakeStore


class World:
    def __init__(self, directory: Path) -> None:
        self.journal = FakeJournal(directory)
        self.store = FakeStore()
        self.file = directory / "store.cursor"
        self.now = 0.0
        self.couriers: list[Courier] = []
        self.courier = self.start()

    def start(self) -> Courier:
        convert = partial(entry, node="n1", mask=masker(False), longest=1000)
        made = Courier(
            *(self.store, self.file, LIMITS, convert, lambda: self.now),
            self.journal.journalctl,
            self.pass_time,
        )
        self.couriers.append(made)
        return made

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.store.tick(self.now)

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.courier.step()
            self.pass_time(1)

    def until_all(self) -> None:
        for _ in range(200):
            if self.missing() == set():
                return
            self.step()
        raise AssertionError(f"never arrived: {sorted(self.missing())[:5]}")

    def missing(self) -> set[str]:
        return {f"line {i + 1}" for i in range(self.journal.count)} - self.store.all


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    # The clock is the test's own; what is really waited for are entries of a program that has begun already.
    monkeypatch.setattr(courier_module, "_PATIENCE", 0.2)
    made = World(tmp_path)
    yield made
    for courier in made.couriers:
        courier.close()


def test_everything_arrives_once_while_nothing_fails(world: World) -> None:
    world.journal.write(35)
    world.until_all()
    world.journal.write(3)
    world.until_all()
    world.pass_time(60)
    assert len(world.store.disk) == world.courier.shown.lines == 38


def test_a_journal_that_is_slow_to_begin_hides_no_store_that_is_away(world: World) -> None:
    world.store.up = False
    world.journal.write(5)
    while not world.courier.shown.error:
        world.step()
    world.journal.slow = True
    world.step(3)
    assert world.courier.shown.error == "away"
    assert lag(world.courier.shown, 1_800_000_100) == pytest.approx(100, abs=0.01)
    world.store.up = True
    world.step(2)
    assert (world.courier.shown.error, lag(world.courier.shown, 1_800_000_100)) == ("", 0)


def test_a_store_that_was_away_gets_what_it_missed(world: World) -> None:
    world.store.up = False
    world.journal.write(5)
    world.step(3)
    assert world.courier.shown.error == "away"
    assert lag(world.courier.shown, 1_800_000_100) == pytest.approx(100, abs=0.01)
    world.store.up = True
    world.until_all()
    assert (world.courier.shown.error, world.courier.shown.waits_since) == ("", None)


@pytest.mark.parametrize("away", [0.0, 1.0, 300.0])
@pytest.mark.parametrize("noticed_after", [0.0, 1.0, 300.0])
def test_a_store_that_crashed_gets_again_what_it_had_in_memory(
    world: World, away: float, noticed_after: float
) -> None:
    """Also when it is back before anybody asks, and when this process did not run for long."""
    world.journal.write(5)
    world.until_all()
    world.pass_time(2)
    world.store.crash()
    assert len(world.missing()) == 5
    world.pass_time(away)
    world.store.up = True
    world.pass_time(noticed_after)
    world.until_all()


def test_nothing_counts_that_a_store_may_have_in_memory(world: World) -> None:
    world.journal.write(5)
    world.until_all()
    world.pass_time(LIMITS.settle - 3)
    world.step()
    assert not world.file.exists()
    world.pass_time(10)
    world.step()
    assert world.file.read_text() == "c5"


def test_a_restarted_daemon_goes_on_where_the_store_is_certain(world: World) -> None:
    world.journal.write(30)
    world.until_all()
    world.pass_time(20)
    world.step()
    assert world.file.read_text() == "c30"
    world.journal.write(4)
    world.until_all()
    # Killed, and so is the store: 4 lines were acknowledged and are gone.
    world.courier.close()
    world.store.crash()
    world.store.up = True
    world.courier = world.start()
    world.until_all()
    world.pass_time(60)
    assert world.store.disk.count("line 30") == 1


def test_what_is_no_entry_stops_nothing(world: World) -> None:
    with world.journal.path.open("a") as file:
        file.write("-- no entry --\n")
    world.journal.write(2)
    world.until_all()
    assert world.courier.shown.unreadable == 1


def test_a_journalctl_that_ends_is_started_again(world: World) -> None:
    world.journal.write(2)
    world.until_all()
    assert world.courier._journal
    world.courier._journal._process.kill()
    world.courier._journal._process.wait()
    world.step()
    assert "journalctl has ended" in world.courier.shown.error
    world.journal.write(2)
    world.until_all()


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_crashes(world: World, seed: int) -> None:
    luck = random.Random(seed)
    for _ in range(25):
        world.journal.write(luck.randrange(4))
        what = luck.random()
        if what < 0.15:
            world.store.crash()
        elif what < 0.4:
            world.store.up = True
        elif what < 0.5:
            world.courier.close()
            world.courier = world.start()
        world.step()
    world.store.up = True
    world.until_all()


def test_what_is_shown(world: World) -> None:
    world.journal.write(2)
    world.until_all()
    snap = {"mon1": world.courier.shown}
    text = metrics_text(snap, 0.0).decode()
    assert 'langflow_ha_ship_lag_seconds{store="mon1"} 0\n' in text
    assert 'langflow_ha_ship_lines_total{store="mon1"} 2\n' in text
    assert 'langflow_ha_ship_up{store="mon1"} 1\n' in text
    assert json.loads(status_json(snap, 0.0))["mon1"]["lines"] == 2


def config() -> dict[str, object]:
    return {
        "node_name": "n1",
        "listen_addresses": ["127.0.0.1"],
        "http_port": 7956,
        "state_directory": "/var/lib/langflow-ha-ship",
        "stores": [{"name": "n1", "url": "https://198.18.10.11:9428"}],
        "tls": {"authority": "a", "certificate": "c", "key": "k"},
        "mask_mail": False,
        "limits": {name: getattr(LIMITS, name) for name in LIMITS.__slots__},
    }


def test_configuration() -> None:
    assert parse(config()).stores[0].name == "n1"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stores", []),
        ("stores", [{"name": "a", "url": "http://198.18.10.11:9428"}]),
        ("stores", [{"name": "a", "url": "https://mon.example.org:9428"}]),
        ("stores", [{"name": "a/b", "url": "https://198.18.10.11:9428"}]),
        ("listen_addresses", ["localhost"]),
        ("mask_mail", "yes"),
    ],
)
def test_configuration_that_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        parse({**config(), key: value})
