"""`langflow-ha demo`: from nothing to a measured failover, on this machine.

Exit codes: 0 the failover was within its budget and nothing was lost; 1 it was not, or a step failed.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from langflow_ha import ROOT, terminal
from langflow_ha.demo.deployed import digest, is_deployed
from langflow_ha.demo.result import failover_table
from langflow_ha.demo.steps import StepError, Steps, duration, tool
from langflow_ha.drill import record
from langflow_ha.drill.catalogue import chosen
from langflow_ha.drill.model import Outcome, Record
from langflow_ha.drill.session import SessionError, logged_in, session
from langflow_ha.status.gather import gather
from langflow_ha.status.remote import SshRemote
from langflow_ha.status.render import show
from langflow_ha.status.site import Site, SiteError, load_site

app = typer.Typer(help="A cluster in containers, a flow through the VIP, and a measured failover.")


@app.callback(invoke_without_command=True)
def demo(
    name: Annotated[str, typer.Option("--name", "--lab", help="Name of the lab.")] = "demo",
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Run site.yml even if nothing has changed since.")
    ] = False,
    drill: Annotated[str, typer.Option(help="The drill to show.")] = "vip-power",
) -> None:
    """Bring up a cluster, use it, kill the node that holds the VIP and show what a client saw."""
    console = terminal.console()
    steps = Steps(console)
    try:
        result = _demo(steps, name, drill, deploy=deploy)
    except (StepError, SiteError, SessionError) as error:
        console.print(f"[bold red]error:[/] {error}")
        raise typer.Exit(1) from error
    raise typer.Exit(0 if result.outcome is Outcome.PASSED else 1)


def _demo(steps: Steps, name: str, drill: str, *, deploy: bool) -> Record:
    directory = ROOT / ".lab" / name
    logs = directory / "logs"
    command = tool("langflow-ha")
    with steps.step("Three machines, as containers"):
        if not (directory / "lab.json").exists():
            # The lab's directory does not exist yet, so this one log waits elsewhere.
            logs = ROOT / ".lab" / "logs"
        steps.run([command, "lab", "up", "--name", name], logs / "lab.log")
        logs = directory / "logs"
    with steps.step("The artefacts that the nodes install from"):
        steps.run([command, "bundle", "build"], logs / "bundle.log")
    site = load_site(lab=name)
    with steps.step("The cluster: playbooks/site.yml"):
        _deploy(steps, site, directory, logs, deploy=deploy)
    with steps.step(f"Log in at {site.url}/, import a flow and run it"):
        asyncio.run(_use(steps, site))
    with steps.step("Take the power of the node that holds the VIP"):
        result = asyncio.run(_drill(steps, site, drill))
    if result.outcome is Outcome.SKIPPED:
        steps.console.print(f"[bold yellow]SKIPPED[/] {result.reason}")
    else:
        steps.console.print(failover_table(result))
    _farewell(steps, site, directory, name)
    return result


def _deploy(steps: Steps, site: Site, directory: Path, logs: Path, *, deploy: bool) -> None:
    marker, current = directory / "deployed", digest(site.inventory)
    if not deploy and is_deployed(marker, current):
        view = asyncio.run(gather(site, SshRemote()))
        if view.verdict.can_fail_over:
            steps.say("it runs, is healthy, and nothing has changed since it was deployed")
            return
    marker.unlink(missing_ok=True)
    environment = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "0"}
    environment["ANSIBLE_VAULT_PASSWORD_FILE"] = str(directory / "vault-password")
    steps.run(
        [tool("ansible-playbook"), "-i", str(site.inventory), "playbooks/site.yml"],
        logs / "site.log",
        environment,
    )
    marker.write_text(current, "utf-8")


async def _use(steps: Steps, site: Site) -> None:
    api = await logged_in(site)
    try:
        steps.say("logged in, flow imported")
        answer = await api.run_echo("Hello from the demo")
        if answer.status_code != 200 or "Hello from the demo" not in answer.text:
            raise StepError(f"the flow answered {answer.status_code}: {answer.text[:200]}")
        steps.say(f"the flow ran and answered in {answer.elapsed.total_seconds():.2f} s")
    finally:
        await api.close()


async def _drill(steps: Steps, site: Site, id_: str) -> Record:
    (drill,) = chosen([id_], "full")
    async with session(site, steps.say) as engine:
        result = await engine.run(drill)
    record.Journal(site.state_directory).add(result)
    return result


def _farewell(steps: Steps, site: Site, directory: Path, name: str) -> None:
    show(asyncio.run(gather(site, SshRemote())), steps.console)
    total = sum(took for _, took in steps.times)
    lines = (
        f"The cluster stays up. All of this took {duration(total)}.",
        f"  browser      {site.url}/  (the certificate is signed by the CA below)",
        f"  credentials  {directory / 'credentials'}",
        f"  CA           {site.ca_file}",
        f"  inventory    {site.inventory}",
        "  status       langflow-ha status" + ("" if name == "demo" else f" --name {name}"),
        "  take it down make demo-down" + ("" if name == "demo" else f" LAB={name}"),
    )
    for line in lines:
        steps.console.print(line, markup=False, soft_wrap=True)
