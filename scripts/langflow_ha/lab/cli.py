"""`langflow-ha lab`: a cluster's machines as containers or virtual machines on this one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from langflow_ha.lab import service
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import MEMORY, LabError, plan

app = typer.Typer(
    help="A cluster's machines as containers or VMs on this one, with an inventory.",
    no_args_is_help=True,
)

NameOption = Annotated[str, typer.Option("--name", help="Name of the lab.")]
NodesArgument = Annotated[list[str] | None, typer.Argument(help="Names of nodes.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every node of the lab.")]


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except LabError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(1) from error


def _say(text: str) -> None:
    typer.echo(f"lab: {text}")


@app.command()
def up(
    name: NameOption = "demo",
    topology: Annotated[
        str,
        typer.Option(
            help="standard: every node in every group; tiers: db1, app1, app2; "
            "shared: as standard, with files in a directory of this machine instead of MinIO; "
            "vms: virtual machines, with a kernel and a clock of their own; "
            "nfs: three of them, two clients and a server; "
            "s3: one node, for an object store that is not the lab's."
        ),
    ] = "standard",
    subnet: Annotated[str, typer.Option(help="IPv4 network; the IPv6 one follows from it.")] = (
        "198.18.10.0/24"
    ),
    nodes: Annotated[int, typer.Option(help="Number of nodes (standard, shared, vms).")] = 3,
    os: Annotated[
        list[str] | None,
        typer.Option("--os", help="debian13 or debian12: once for all, or once for each node."),
    ] = None,
    mode: Annotated[
        str, typer.Option(help="active_active or active_standby; default: what suits the topology.")
    ] = "",
    memory: Annotated[int, typer.Option(help="MiB of each virtual machine (vms).")] = MEMORY,
) -> None:
    """Start the nodes (or what is missing of them) and write the inventory."""
    with _errors():
        lab = plan(name, topology, subnet, nodes, os or [], mode, memory)
        service.up(lab, _say)
        _say(f'inventory {lab.inventory}; for a shell: eval "$(langflow-ha lab env --name {name})"')


@app.command()
def info(
    name: NameOption = "demo",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print addresses, paths and the state of a lab's nodes."""
    with _errors():
        lab = service.load(name)
        if as_json:
            typer.echo(json.dumps(lab.info(), indent=2))
            return
        states = Engine().states(name)
        typer.echo(
            f"lab {lab.name} ({lab.topology}, {lab.mode}), network {lab.subnet} {lab.subnet6}"
        )
        for node in lab.nodes:
            state = states.get(node.container, "absent")
            typer.echo(
                f"  {node.name:<6}{state:<9}{node.kind:<10}{node.os:<10}{node.address:<16}"
                f"{node.address6:<22}{node.container}"
            )
        typer.echo(f"  VIP         {lab.vip} {lab.vip6}")
        typer.echo(f"  browse      https://{lab.vip}/")
        typer.echo(f"  CA          {lab.ca_file}")
        typer.echo(f"  credentials {lab.credentials_file}")
        typer.echo(f"  inventory   {lab.inventory}")


@app.command()
def env(name: NameOption = "demo") -> None:
    """Print shell exports, so that ansible-playbook finds the inventory and its vault."""
    with _errors():
        lab = service.load(name)
        typer.echo(f"export ANSIBLE_INVENTORY={lab.inventory}")
        typer.echo(f"export ANSIBLE_VAULT_PASSWORD_FILE={lab.vault_password_file}")


@app.command("list")
def list_labs() -> None:
    """Print the labs and how many of their nodes run."""
    with _errors():
        engine = Engine()
        for name in service.names():
            lab = service.load(name)
            running = sum(state == "running" for state in engine.states(name).values())
            typer.echo(f"{name:<24}{running}/{len(lab.nodes)} running  VIP {lab.vip}")


@app.command()
def down(name: NameOption = "demo") -> None:
    """Remove a lab's containers, network and directory; keep images and artefacts."""
    with _errors():
        service.down(name, _say)


@app.command("power-off")
def power_off(
    nodes: NodesArgument = None, name: NameOption = "demo", every: AllOption = False
) -> None:
    """Cut the power of nodes: no shutdown, every process is killed."""
    with _errors():
        service.power_off(service.select(service.load(name), nodes or [], every))


@app.command("power-on")
def power_on(
    nodes: NodesArgument = None, name: NameOption = "demo", every: AllOption = False
) -> None:
    """Boot nodes again, in the order given."""
    with _errors():
        service.power_on(service.select(service.load(name), nodes or [], every))


@app.command()
def add(name: NameOption = "demo") -> None:
    """Put one more node into a lab of topology standard: a balancer with LangFlow and a database."""
    with _errors():
        service.add(service.load(name), _say)


@app.command()
def remove(
    node: Annotated[str, typer.Argument(help="The node that was added last.")],
    name: NameOption = "demo",
) -> None:
    """Take a node that was added out of the lab and its inventory, with its disks."""
    with _errors():
        service.remove(service.load(name), node, _say)


@app.command()
def replace(
    nodes: Annotated[list[str], typer.Argument(help="Names of nodes.")], name: NameOption = "demo"
) -> None:
    """Lose nodes with their disks, and put empty machines of the same names and addresses in their places."""
    with _errors():
        lab = service.load(name)
        service.replace(lab, service.select(lab, nodes, every=False), _say)


@app.command()
def wait(
    name: NameOption = "demo",
    timeout: Annotated[
        float, typer.Option(help="Seconds; 0: what this kind of node may take.")
    ] = 0.0,
) -> None:
    """Wait until every node has booted and answers on SSH."""
    with _errors():
        service.wait(service.load(name), _say, timeout)
