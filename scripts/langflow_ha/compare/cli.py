"""`langflow-ha compare`: the same faults against the plain recipe of tutorials and against the kit.

Exit codes: 0 both were measured; 1 not all drills could be; 2 it could not start or not be put back.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Annotated

import typer

from langflow_ha import terminal
from langflow_ha.compare.plain import install_script, restore_script
from langflow_ha.compare.result import rows, table
from langflow_ha.drill.catalogue import chosen
from langflow_ha.drill.engine import Engine
from langflow_ha.drill.guard import ProductionOption, confirm_production
from langflow_ha.drill.model import Outcome, Record
from langflow_ha.drill.record import Journal
from langflow_ha.drill.session import SessionError, session
from langflow_ha.drill.terminal import outcome_line
from langflow_ha.status.cli import InventoryOption, LabOption, VaultOption, site_or_exit
from langflow_ha.status.decide import decide
from langflow_ha.status.gather import gather
from langflow_ha.status.model import ClusterView
from langflow_ha.status.remote import Remote, RemoteError, SshRemote
from langflow_ha.status.site import Site

app = typer.Typer(
    help="The same faults against the plain recipe of tutorials, and against the kit."
)
DRILLS = ("vip-power", "haproxy-kill", "haproxy-freeze", "langflow-kill", "langflow-freeze")
SETTLE_S = 120.0
console = terminal.console()


@app.callback(invoke_without_command=True)
def compare(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    drill: Annotated[
        list[str] | None, typer.Option("--drill", "-d", help="Only these drills.")
    ] = None,
    repeat: Annotated[int, typer.Option(help="Repetitions of each drill and recipe.")] = 1,
    restore: Annotated[
        bool,
        typer.Option("--restore", help="Only put the kit's edge back, after an interrupted run."),
    ] = False,
    yes_production: ProductionOption = "",
) -> None:
    """Measure the kit, put the plain recipe in its place, measure again, and put the kit back."""
    site = site_or_exit(name, inventory, vault_password_file)
    confirm_production(site, yes_production)
    remote = SshRemote()
    try:
        if restore:
            asyncio.run(_everywhere(site, remote, {}))
            return
        ids = drill or list(DRILLS)
        kit, plain = asyncio.run(_compare(site, remote, ids, repeat))
    except (SessionError, RemoteError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    except KeyError as error:
        raise typer.BadParameter(f"unknown drill {error}", param_hint="--drill") from error
    console.print(table(rows(plain, kit)))
    missing = [r for r in (*kit, *plain) if r.outcome is Outcome.SKIPPED]
    raise typer.Exit(1 if missing else 0)


async def _everywhere(site: Site, remote: Remote, scripts: dict[str, str]) -> None:
    """Run each balancer's script, or the restoring one; raises RemoteError naming all that failed."""
    trouble = []
    for node in (n for n in site.nodes if "balancer" in n.groups):
        try:
            done = await remote.run(node, scripts.get(node.name, restore_script()), timeout=60)
            if done.code:
                trouble.append(f"{node.name}: {done.stderr.strip()[-300:]}")
        except RemoteError as error:
            trouble.append(str(error))
    if trouble:
        raise RemoteError(
            f"{'; '.join(trouble)}. Run `langflow-ha compare --restore` when the nodes answer again"
        )


def without_agent(view: ClusterView) -> ClusterView:
    """Return the view as it is judged without health agents: a balancer that runs counts as fit."""
    nodes = tuple(
        replace(node, standing="fit") if node.reachable and "balancer" in node.groups else node
        for node in view.nodes
    )
    return replace(view, nodes=nodes, verdict=decide(nodes, view.at))


async def _settled(engine: Engine) -> None:
    limit = time.monotonic() + SETTLE_S
    while time.monotonic() < limit:
        view = await engine.view()
        if view.verdict.can_fail_over and len(view.ready_langflows) == len(
            [n for n in view.nodes if "langflow" in n.groups]
        ):
            return
        await asyncio.sleep(2)


async def _runs(engine: Engine, ids: list[str], repeat: int, label: str) -> list[Record]:
    journal = Journal(engine.site.state_directory / f"compare-{label}")
    await _settled(engine)
    results = []
    for drill in chosen(ids, "full"):
        for repetition in range(1, repeat + 1):
            result = await engine.run(drill, repetition, integrity=False)
            journal.add(result)
            results.append(result)
            engine.say(f"{label}: {outcome_line(result, repeat)}")
    return results


async def _compare(
    site: Site, remote: Remote, ids: list[str], repeat: int
) -> tuple[list[Record], list[Record]]:
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - began:6.0f} s] {text}", markup=False)

    balancers = [node for node in site.nodes if "balancer" in node.groups]
    langflows = [node for node in site.nodes if "langflow" in node.groups]
    scripts = {
        node.name: install_script(node, balancers, langflows, site.vip4) for node in balancers
    }
    async with session(site, say, remote) as engine:
        kit = await _runs(engine, ids, repeat, "kit")

        async def plain_view() -> ClusterView:
            return without_agent(await gather(site, remote))

        kit_view, engine.view = engine.view, plain_view
        try:
            say("putting the plain recipe in place")
            await _everywhere(site, remote, scripts)
            plain = await _runs(engine, ids, repeat, "plain")
        finally:
            say("putting the kit back")
            await asyncio.shield(_everywhere(site, remote, {}))
            engine.view = kit_view
            await _settled(engine)
    return kit, plain
