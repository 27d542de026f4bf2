"""`langflow-ha drill`: list the drills, run them, report on them, measure throughput.

Exit codes of `run`: 0 all passed; 1 one failed; 2 it could not start; 3 none failed, but one was skipped.
With `--plan`: 0 all would run now; 2 the site cannot be used; 3 one would be skipped.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.table import Table

from langflow_ha.drill import (
    during,
    file_rates,
    leftovers,
    plan,
    record,
    soak_cli,
    throughput,
    window,
)
from langflow_ha.drill.catalogue import CATALOGUE, PROFILES, chosen
from langflow_ha.drill.guard import ProductionOption, confirm_production
from langflow_ha.drill.http import ApiError
from langflow_ha.drill.model import Drill, Record
from langflow_ha.drill.publish import write_metrics, write_page
from langflow_ha.drill.session import SessionError, logged_in, only_one, session
from langflow_ha.drill.terminal import (
    DirectoryOption,
    SeedOption,
    TextfileOption,
    class_lines,
    console,
    fresh_seed,
    outcome_line,
    publish,
    speaker,
)
from langflow_ha.status.cli import InventoryOption, LabOption, VaultOption, site_or_exit
from langflow_ha.status.remote import SshRemote
from langflow_ha.status.site import Site

app = typer.Typer(
    help="Break one thing at a time and measure what a client sees.", no_args_is_help=True
)
app.command("soak")(soak_cli.soak)


def _drills(ids: list[str] | None, profile: str) -> tuple[Drill, ...]:
    if profile not in PROFILES:
        raise typer.BadParameter(f"{profile!r}: {', '.join(PROFILES)}", param_hint="--profile")
    try:
        return chosen(ids or [], profile)
    except KeyError as error:
        raise typer.BadParameter(
            f"{error.args[0]!r}: `langflow-ha drill list` shows them", param_hint="--drill"
        ) from error


@app.command("list")
def list_drills() -> None:
    """Print the drills, their budgets and repetitions."""
    table = Table(pad_edge=False)
    for name in ("drill", "what breaks", "budget"):
        table.add_column(name)
    for name in ("runs", "profile"):
        table.add_column(name, no_wrap=True)
    for drill in CATALOGUE:
        table.add_row(
            drill.id, drill.title, plan.limit(drill), str(drill.repetitions), drill.profile
        )
    console.print(table)


@app.command()
def run(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    drill: Annotated[
        list[str] | None,
        typer.Option("--drill", "-d", help="Id of a drill (repeatable); default: the profile."),
    ] = None,
    repeat: Annotated[int, typer.Option(help="Repetitions; 0: what the catalogue says.")] = 1,
    profile: Annotated[str, typer.Option(help="short, full (includes short) or kernel.")] = "short",
    every: Annotated[
        bool, typer.Option("--all", help="The full profile, with the repetitions of the catalogue.")
    ] = False,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Print what would be done now, and do nothing.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write the Markdown summary here.")] = None,
    textfile: TextfileOption = None,
    directory: DirectoryOption = None,
    integrity: Annotated[
        str, typer.Option(help="langflow check-integrity (20 s of one core): each, last or never.")
    ] = "last",
    seed: SeedOption = 0,
    yes_production: ProductionOption = "",
) -> None:
    """Run drills one after another."""
    if every:
        profile, repeat = "full", 0
    drills = _drills(drill, profile)
    if integrity not in ("each", "last", "never"):
        raise typer.BadParameter(f"{integrity!r}: each, last or never", param_hint="--integrity")
    site = site_or_exit(name, inventory, vault_password_file)
    journal = record.Journal(directory or site.state_directory)
    if only_plan:
        raise typer.Exit(_show_plans(site, [(d, repeat or d.repetitions) for d in drills], journal))
    confirm_production(site, yes_production)
    records: list[Record] = []
    try:
        asyncio.run(_run(site, drills, repeat, integrity, journal, records, seed or fresh_seed()))
    except SessionError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.secho("stopped; the fault has been undone", fg="yellow", err=True)
        raise typer.Exit(130) from None
    finally:
        if records:
            summaries = record.summarise(records)
            console.print(record.table(summaries))
            if report:
                report.parent.mkdir(parents=True, exist_ok=True)
                report.write_text(record.markdown(summaries, site.name), "utf-8")
            publish(site, journal, textfile)
    raise typer.Exit(record.exit_code(record.summarise(records)))


def _show_plans(site: Site, drills: list[tuple[Drill, int]], journal: record.Journal) -> int:
    """Print the plans; return 3 when a drill would be skipped, else 0."""
    plans = asyncio.run(plan.gathered(site, SshRemote(), drills, journal.read()))
    for one in plans:
        console.print(plan.text(one), markup=False, soft_wrap=True)
    if site.production:
        console.print(f"a run asks for the name of this production site: {site.name}", markup=False)
    return 3 if any(one.refused for one in plans) else 0


async def _run(
    site: Site,
    drills: tuple[Drill, ...],
    repeat: int,
    integrity: str,
    journal: record.Journal,
    records: list[Record],
    seed: int,
) -> None:
    say = speaker()
    if any(drill.hold_drawn for drill in drills):
        say(f"seed {seed}: --seed {seed} draws the same times again")
    async with session(site, say, seed=seed) as engine:
        for drill in drills:
            count = repeat or drill.repetitions
            for repetition in range(1, count + 1):
                check = integrity == "each" or (integrity == "last" and repetition == count)
                result = await engine.run(drill, repetition, integrity=check)
                journal.add(result)
                records.append(result)
                say(outcome_line(result, count))


@app.command("report")
def write_report(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    output: Annotated[
        Path | None, typer.Option(help="The page; default: report.html beside the records.")
    ] = None,
    textfile: TextfileOption = None,
    directory: DirectoryOption = None,
) -> None:
    """Make the HTML page of all drills that were ever run on the site."""
    site = site_or_exit(name, inventory, vault_password_file)
    journal = record.Journal(directory or site.state_directory)
    try:
        path = write_page(journal, site.name, output)
        if textfile:
            write_metrics(journal, site.name, textfile)
    except OSError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    typer.echo(path)


@app.command("window")
def maintenance_window(
    calendar: Annotated[str, typer.Option(help="When it opens, as systemd's OnCalendar.")],
    minutes: Annotated[int, typer.Option(min=1, help="How long it stays open.")],
    needs: Annotated[int, typer.Option(min=0, help="How many of them have to be left.")] = 0,
) -> None:
    """Tell a schedule whether it may run. Exit code 0: yes; 1: shut; 255: bad expression.

    The codes are those of systemd's ExecCondition: 1 skips the unit, 255 fails it.
    """
    now = time.time()
    try:
        opened = window.first_opening(calendar, now - 60 * minutes)
    except window.WindowError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(255) from error
    left = window.remaining(opened, 60 * minutes, now)
    typer.echo(f"{left / 60:.0f} minutes of the maintenance window are left, {needs} are needed")
    raise typer.Exit(0 if left > 0 and left >= 60 * needs else 1)


@app.command("during")
def during_command(
    command: Annotated[list[str], typer.Argument(help="What is run, after `--`.")],
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    outage: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds that clients may be without; default: no request fails."),
    ] = None,
    yes_production: ProductionOption = "",
) -> None:
    """Run a command under the drills' client load. Exit codes are those of `run`; 1 also when the command fails."""
    site = site_or_exit(name, inventory, vault_password_file)
    confirm_production(site, yes_production)
    try:
        result = asyncio.run(_during(site, command, outage))
    except SessionError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    summaries = record.summarise([result])
    console.print(record.table(summaries))
    for line in (outcome_line(result), *class_lines(result)):
        console.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(record.exit_code(summaries))


async def _during(site: Site, command: list[str], outage: float | None) -> Record:
    async with session(site, speaker()) as engine:
        # Without LangFlow's own check: the versions before 1.13 have none.
        return await during.During(engine, command).run(
            during.drill(command, outage), integrity=False
        )


@app.command("clean")
def remove_leftovers(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what there is.")] = False,
) -> None:
    """Remove the flows, files and API keys that killed drills have left; while no drill runs."""
    site = site_or_exit(name, inventory, vault_password_file)
    try:
        found = asyncio.run(_clean(site, check=check))
    except (SessionError, ApiError, httpx.HTTPError) as error:
        typer.secho(f"error: {str(error) or type(error).__name__}", fg="red", err=True)
        raise typer.Exit(2) from error
    typer.echo(f"{'left by drills' if check else 'removed'}: {found}")


async def _clean(site: Site, *, check: bool) -> leftovers.Leftovers:
    with only_one(site):
        api = await logged_in(site)
        try:
            found = await leftovers.find(api)
            if not check:
                await leftovers.remove(api, found)
        finally:
            await api.close()
    return found


@app.command("throughput")
def measure_throughput(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    count: Annotated[int, typer.Option(help="Flow runs on each way.")] = 300,
    concurrency: Annotated[int, typer.Option(help="Clients at a time.")] = 4,
) -> None:
    """Compare flow runs through the VIP, TLS and HAProxy with runs straight at a LangFlow."""
    site = site_or_exit(name, inventory, vault_password_file)
    try:
        results = asyncio.run(throughput.compare(site, count, concurrency))
    except (SessionError, throughput.ThroughputError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    console.print(throughput.table(results))


@app.command("files")
def measure_files(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    count: Annotated[int, typer.Option(help="Files.")] = 200,
    clients: Annotated[int, typer.Option(help="Clients at a time.")] = 4,
    size: Annotated[int, typer.Option(help="Size of a file in bytes.")] = 1 << 20,
) -> None:
    """Upload files through the VIP, read them back, compare them, and delete them; exit code 1: one failed."""
    site = site_or_exit(name, inventory, vault_password_file)
    try:
        results = asyncio.run(file_rates.measure(site, count, clients, size))
    except SessionError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    console.print(file_rates.table(results, size, clients))
    if any(result.failed for result in results):
        raise typer.Exit(1)
