"""`langflow-ha secrets`: make, rotate, take over and show the secrets of a site."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from langflow_ha.preflight.secret_forms import PREVIOUS
from langflow_ha.secrets.catalogue import full_name, rotated_together
from langflow_ha.secrets.init import create_password_file, init_secrets, paths, set_secret
from langflow_ha.secrets.rotation import (
    WITH_A_PAUSE,
    RotationError,
    all_rotatable,
    forget,
    read_pending,
    rotate_secrets,
)
from langflow_ha.secrets.vault import Vault, VaultError

app = typer.Typer(
    help="Make, rotate, take over and show the secrets of a site.", no_args_is_help=True
)

InventoryOption = Annotated[
    Path, typer.Option("--inventory", "-i", help="Inventory directory of the site.")
]
PasswordOption = Annotated[
    Path,
    typer.Option(
        "--vault-password-file",
        envvar="ANSIBLE_VAULT_PASSWORD_FILE",
        help="File with the vault password, or a script that prints it.",
    ),
]


def _settings(inventory: Path) -> dict[str, Any]:
    """Return what the inventory sets for all hosts, as it is written there."""
    main = inventory / "group_vars" / "all" / "main.yml"
    values = yaml.safe_load(main.read_text("utf-8")) if main.exists() else None
    return dict(values or {})


def _fail(message: str) -> typer.Exit:
    typer.secho(f"error: {message}", fg="red", err=True)
    return typer.Exit(1)


@app.command()
def init(
    inventory: InventoryOption,
    vault_password_file: PasswordOption,
    site_name: Annotated[
        str, typer.Option(help="Name in the CA certificate; default: site_name of the inventory.")
    ] = "",
    rotate: Annotated[
        list[str] | None,
        typer.Option(
            help="Give this secret another value at once (repeatable): for a site that does not run yet."
        ),
    ] = None,
    create_vault_password_file: Annotated[
        bool, typer.Option(help="Make the vault password file (0600) when it does not exist.")
    ] = False,
) -> None:
    """Make every secret that the site lacks, and its CA; never overwrite one that exists."""
    try:
        names = rotated_together([full_name(name) for name in rotate or []])
        if create_vault_password_file and create_password_file(vault_password_file):
            typer.echo(f"made {vault_password_file}: keep a copy, without it the vault stays shut")
        site = site_name or str(_settings(inventory).get("site_name", "langflow"))
        outcome = init_secrets(inventory, vault_password_file, site, names)
    except (VaultError, NotADirectoryError, KeyError) as error:
        raise _fail(str(error.args[0])) from error
    vault_file, ca_file = paths(inventory)
    typer.echo(
        f"{vault_file}: {len(outcome.created)} made, {len(outcome.rotated)} rotated, "
        f"{len(outcome.kept)} kept"
    )
    if outcome.certificate_written:
        typer.echo(f"{ca_file}: new CA certificate")
    if "secret_langflow_secret_key" in outcome.rotated:
        typer.secho(
            "LangFlow encrypts stored credentials with secret_langflow_secret_key: what users saved "
            "under the old key can no longer be read.",
            fg="yellow",
        )


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Secret, in full or short: superuser, valkey, …")],
    inventory: InventoryOption,
    vault_password_file: PasswordOption,
) -> None:
    """Print one secret and nothing else, for use in a shell: `$(langflow-ha secrets show …)`."""
    try:
        variable = full_name(name)
        value = Vault(paths(inventory)[0], vault_password_file).read().get(variable)
    except (VaultError, KeyError) as error:
        raise _fail(str(error.args[0])) from error
    if not value:
        raise _fail(f"{variable} is not in the vault; run `langflow-ha secrets init` first")
    typer.echo(str(value))


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="Secret, in full or short: langflow-secret-key, …")],
    inventory: InventoryOption,
    vault_password_file: PasswordOption,
    from_file: Annotated[
        Path | None,
        typer.Option(help="File with the value; `-`: standard input. Never the command line."),
    ] = None,
    earlier: Annotated[
        bool, typer.Option("--previous", help="Take back the value that the last `set` replaced.")
    ] = False,
) -> None:
    """Take a secret over from elsewhere, such as the key of a LangFlow that moves into the cluster.

    The value that it replaces stays in the vault as previous_<name>.
    """
    if (from_file is None) is not earlier:
        raise _fail("give one of --from-file and --previous")
    try:
        variable = full_name(name)
        value = None
        if from_file is not None:
            text = sys.stdin.read() if str(from_file) == "-" else from_file.read_text("utf-8")
            value = text.strip()
        changed = set_secret(inventory, vault_password_file, variable, value)
    except (OSError, VaultError, KeyError, ValueError) as error:
        raise _fail(str(error) if isinstance(error, OSError) else str(error.args[0])) from error
    vault_file = paths(inventory)[0]
    if changed:
        typer.echo(f"{vault_file}: {variable} set, the old value kept as {PREVIOUS}{variable}")
    else:
        typer.echo(f"{vault_file}: {variable} has this value already")


@app.command()
def rotate(
    inventory: InventoryOption,
    vault_password_file: PasswordOption,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Secrets, in full or short: database, valkey, store, superuser, …"),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every secret that can change under load.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only say what would change.")] = False,
) -> None:
    """Give secrets of a running site new values; playbooks/rotate_secrets.yml then brings them to the nodes.

    Until that has ended, the nodes accept the old values too. Without a name: say which rotation has not ended.
    """
    try:
        if not names and not every:
            unfinished = read_pending(inventory, vault_password_file)
            typer.echo(
                f"not ended: {', '.join(unfinished)}; run playbooks/rotate_secrets.yml"
                if unfinished
                else "no rotation is under way"
            )
            return
        settings = _settings(inventory)
        wanted = all_rotatable(settings) if every else [full_name(name) for name in names or []]
        rotation = rotate_secrets(inventory, vault_password_file, wanted, settings, dry_run=check)
    except (VaultError, RotationError, KeyError) as error:
        raise _fail(str(error.args[0])) from error
    would = "would get a new value" if check else "new value"
    for name in rotation.names:
        pause = ", with a pause: docs/secrets.md" if name in WITH_A_PAUSE else ""
        typer.echo(f"{name}: {would}{pause}")
    if not check:
        typer.echo(f"next: ansible-playbook -i {inventory} playbooks/rotate_secrets.yml")


@app.command("forget")
def forget_(inventory: InventoryOption, vault_password_file: PasswordOption) -> None:
    """Take the former values out of the vault. The playbook does it once no node accepts them any more."""
    try:
        names = forget(inventory, vault_password_file)
    except VaultError as error:
        raise _fail(str(error.args[0])) from error
    typer.echo(
        f"changed: forgot the former values of {', '.join(names)}" if names else "nothing to forget"
    )
