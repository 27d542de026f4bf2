"""langflow-ha-backup: makes, lists, checks and restores backups on a database node.

Exit codes: 0 done (or not this node's turn); 1 refused or failed, the reason is on standard error; 2 wrong call
or configuration; 3 backups are there but something is wrong with them (list, check, verify, prove).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

from langflow_ha.keeper import bring_back, config, figures, prove
from langflow_ha.keeper.make import JOBS, make
from langflow_ha.keeper.model import KeeperError, Kind
from langflow_ha.keeper.postgres import is_primary, live
from langflow_ha.keeper.repository import UNMADE, Target, explained
from langflow_ha.keeper.shell import run
from langflow_ha.keeper.stock import Stock
from langflow_ha.node.strict import ConfigError

OK, FAILED, USAGE, UNSOUND = 0, 1, 2, 3
NOT_HERE = "this node is not the primary: nothing to do here"
TARGETS = ("default", "immediate", "time", "xid", "name")


def _make(stock: Stock, arguments: argparse.Namespace) -> int:
    if not is_primary(stock.config.database):
        print(NOT_HERE)
        return OK
    # Written also after a failure: the age of the newest backup goes on.
    try:
        print(make(stock, arguments.job))
    finally:
        stock.tell()
    return OK


def _list(stock: Stock, _: argparse.Namespace) -> int:
    print(json.dumps(stock.tell()))
    return OK


def _check(stock: Stock, _: argparse.Namespace) -> int:
    """Archive one WAL segment and find it again: the whole way from the primary to the target."""
    code = OK
    if is_primary(stock.config.database):
        done = stock.repository.call("check")
        if done.code:
            print(explained(done, "checking the archive"), file=sys.stderr)
            code = UNSOUND
    told = stock.tell()
    problems = told["problems"] + told["complaints"]
    for problem in problems:
        print(problem, file=sys.stderr)
    return UNSOUND if problems else code


def _verify(stock: Stock, _: argparse.Namespace) -> int:
    if not is_primary(stock.config.database):
        print(NOT_HERE)
        return OK
    found = stock.read_everything()
    stock.tell()
    for line in found:
        print(line, file=sys.stderr)
    return UNSOUND if found else OK


def _init(stock: Stock, arguments: argparse.Namespace) -> int:
    """Make what the target lacks; says `changed` when it did, or with --check would."""
    create = not arguments.check
    changed = False
    primary = is_primary(stock.config.database)
    if primary:
        info = stock.repository.info()
        changed = not info or all(s["status"]["code"] in UNMADE for s in info)
        if changed and create:
            stock.repository.create()
        elif not changed:
            owner = live(stock.config.database, run).lines(
                "SELECT system_identifier FROM pg_control_system()"
            )
            stock.repository.refuse_foreign(info, int(owner[0]))
        changed |= stock.snapshots.ensure(create=create)
    print("changed" if changed else "nothing to do")
    return OK


def _target(arguments: argparse.Namespace) -> Target:
    if arguments.type in ("time", "xid", "name") and not arguments.target:
        raise KeeperError(f"--type {arguments.type} needs --target")
    return Target(arguments.type, arguments.target)


def _plan(stock: Stock, arguments: argparse.Namespace) -> int:
    print(json.dumps(bring_back.plan(stock, _target(arguments), arguments.label).as_data()))
    return OK


def _stage(stock: Stock, arguments: argparse.Namespace) -> int:
    chosen = bring_back.plan(stock, _target(arguments), arguments.label)
    seconds = bring_back.stage(stock, chosen)
    print(json.dumps(chosen.as_data() | {"seconds": round(seconds, 1)}))
    return OK


def _moment(text: str) -> float | None:
    return bring_back.parsed_time(text) if text else None


def _files(stock: Stock, arguments: argparse.Namespace) -> int:
    at = _moment(arguments.at)
    if arguments.plan:
        chosen = bring_back.snapshot_at(stock.snapshots.saved(), Kind.FILES, at, arguments.label)
        print(json.dumps({"backup": asdict(chosen)}))
        return OK
    print(json.dumps(bring_back.files(stock, at, arguments.label)))
    return OK


def _flow(stock: Stock, arguments: argparse.Namespace) -> int:
    told = bring_back.flow(
        stock, str(arguments.id), _moment(arguments.at), arguments.label, write=not arguments.plan
    )
    print(json.dumps(told))
    return OK


def _point(stock: Stock, arguments: argparse.Namespace) -> int:
    """Name this moment, so that a restore can end there; tells from which backup it starts."""
    if not is_primary(stock.config.database):
        print(json.dumps({"point": "", "reason": NOT_HERE}))
        return OK
    start = bring_back.plan(stock, Target("default", ""), "")
    if start.refusals:
        raise KeeperError("; ".join(start.refusals))
    figures.mark(live(stock.config.database, run), arguments.name)
    print(json.dumps({"point": arguments.name, "backup": start.backup.label}))
    return OK


def _named(text: str) -> str:
    """Return a restore point's name; PostgreSQL keeps 63 characters of it."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,63}", text):
        raise argparse.ArgumentTypeError("use up to 63 of letters, digits, dot, hyphen, underscore")
    return text


def _figures(stock: Stock, arguments: argparse.Namespace) -> int:
    server = live(stock.config.database, run)
    print(json.dumps(figures.at_restore_point(server, arguments.point)))
    return OK


def _prove(stock: Stock, arguments: argparse.Namespace) -> int:
    return _proven(stock, arguments.point, json.load(sys.stdin))


def _rehearse(stock: Stock, _: argparse.Namespace) -> int:
    """Do both halves of the proof on the primary, for a timer; the playbook has a standby do the second."""
    if not is_primary(stock.config.database):
        print(NOT_HERE)
        return OK
    point = f"proof-{time.time():.0f}"
    server = live(stock.config.database, run)
    return _proven(stock, point, figures.at_restore_point(server, point))


def _proven(stock: Stock, point: str, claimed: figures.Figures) -> int:
    data = prove.record(stock, prove.prove(stock, point, claimed))
    stock.tell()
    print(json.dumps(data))
    return OK if data["passed"] else UNSOUND


def _reach(stock: Stock, _: argparse.Namespace) -> int:
    """Fail where the target is not the one that the primary writes to."""
    if all(stanza["status"]["code"] in UNMADE for stanza in stock.repository.info()):
        raise KeeperError(
            "the target holds no repository as this node sees it: mount backup_directory here as on the "
            "other database nodes"
        )
    return OK


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="langflow-ha-backup",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=config.DEFAULT_PATH)
    parser.add_argument("--check-config", action="store_true", help="read the file and exit")
    commands = parser.add_subparsers(dest="command")

    def command(
        name: str, act: Callable[[Stock, argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text)
        made.set_defaults(act=act)
        return made

    make_ = command("run", _make, "make a backup, if this node is the primary")
    make_.add_argument("job", choices=[str(job) for job in JOBS])
    command("list", _list, "all that the target holds, as JSON; also writes the metrics")
    command("check", _check, "archive a WAL segment, look for gaps and for old backups")
    command("verify", _verify, "read and check every byte of the target")
    init = command("init", _init, "make the repositories in the target")
    init.add_argument(
        "--check", action="store_true", help="only say whether there is something to do"
    )
    command("reach", _reach, "see whether this node reads the same target as the primary")
    command("rehearse", _rehearse, "on the primary: figures and prove in one")
    for name, act, text in (
        ("plan", _plan, "what a restore of the database would do, as JSON"),
        ("stage", _stage, "restore the database beside the running one, up to its opening"),
    ):
        made = command(name, act, text)
        made.add_argument("--type", choices=TARGETS, default="default")
        made.add_argument("--target", default="", help="time (with offset), transaction id or name")
        made.add_argument("--label", default="", help="a certain backup")
    files = command("files", _files, "make LangFlow's files what they were")
    flow = command("flow", _flow, "put one flow back as it was")
    flow.add_argument("id", type=UUID)
    for made in (files, flow):
        made.add_argument("--at", default="", help="the newest backup from before this time")
        made.add_argument("--label", default="", help="a certain backup")
        made.add_argument("--plan", action="store_true", help="only say what would be done")
    command(
        "point", _point, "on the primary: name this moment, and wait until a restore can end there"
    ).add_argument("name", type=_named)
    marked = command(
        "figures", _figures, "write a restore point; rows and checksum of every table there"
    )
    proved = command(
        "prove", _prove, "restore to that point, compare with the figures on standard input"
    )
    for made in (marked, proved):
        made.add_argument("--point", required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _arguments()
    arguments = parser.parse_args(argv)
    try:
        settings = config.load(arguments.config)
    except (ConfigError, OSError) as error:
        print(f"langflow-ha-backup: {error}", file=sys.stderr)
        return USAGE
    if arguments.check_config:
        return OK
    if arguments.command is None:
        parser.print_help()
        return USAGE
    try:
        code: int = arguments.act(Stock(settings, run), arguments)
    except KeeperError as error:
        print(f"langflow-ha-backup: {error}", file=sys.stderr)
        return FAILED
    return code
