"""`langflow-ha drill soak`: random drills for some time. Exit codes are those of `drill run`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer

from langflow_ha.drill import record
from langflow_ha.drill.guard import ProductionOption, confirm_production
from langflow_ha.drill.model import Outcome, Record
from langflow_ha.drill.session import SessionError, session
from langflow_ha.drill.soak import planned, verdict
from langflow_ha.drill.soak import soak as run_soak
from langflow_ha.drill.terminal import (
    DirectoryOption,
    SeedOption,
    TextfileOption,
    console,
    fresh_seed,
    outcome_line,
    publish,
    speaker,
)
from langflow_ha.status.cli import InventoryOption, LabOption, VaultOption, site_or_exit
from langflow_ha.status.site import Site

CODES = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.SKIPPED: 3}


def soak(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="After this no further fault; the last runs to its end.")
    ] = 30.0,
    seed: SeedOption = 0,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Print the order that the seed gives, and do nothing.")
    ] = False,
    textfile: TextfileOption = None,
    directory: DirectoryOption = None,
    yes_production: ProductionOption = "",
) -> None:
    """Run random drills one after another, and the control run at the end."""
    seed = seed or fresh_seed()
    if only_plan:
        console.print(f"seed {seed}; a drill that finds no fitting node then is skipped")
        for number, step in enumerate(planned(seed, minutes), 1):
            hold = f", held {step.drill.hold_s:g} s" if step.drill.hold_drawn else ""
            console.print(
                f"{number:4} {step.drill.id}: {step.drill.title}{hold}",
                markup=False,
                soft_wrap=True,
            )
        return
    site = site_or_exit(name, inventory, vault_password_file)
    confirm_production(site, yes_production)
    journal = record.Journal(directory or site.state_directory)
    records: list[Record] = []
    say = speaker()

    def note(result: Record) -> None:
        journal.add(result)
        records.append(result)
        say(outcome_line(result))

    try:
        asyncio.run(_soak(site, minutes, seed, say, note))
    except SessionError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.secho("stopped; the fault has been undone", fg="yellow", err=True)
        raise typer.Exit(130) from None
    finally:
        if records:
            console.print(record.table(record.summarise(records)))
            publish(site, journal, textfile)
    outcome, lines = verdict(records)
    for line in (*lines, f"soak of {minutes:g} min, seed {seed}: {outcome.upper()}"):
        console.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(CODES[outcome])


async def _soak(
    site: Site,
    minutes: float,
    seed: int,
    say: Callable[[str], None],
    note: Callable[[Record], None],
) -> None:
    say(f"seed {seed}: --seed {seed} gives the same order again")
    async with session(site, say, seed=seed) as engine:
        await run_soak(engine, minutes, seed, note)
