"""The node-side command `langflow-ha`.

Exit codes of `check`: 0 well, 1 not well, 2 wrong call or configuration, 3 not on this node.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from langflow_ha.health import agent, canary, check, config, gather, report
from langflow_ha.node.command import OK, USAGE
from langflow_ha.node.strict import ConfigError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        settings = config.load(arguments.config)
    except (ConfigError, OSError) as error:
        print(f"langflow-ha: {error}")
        return USAGE
    match arguments.verb:
        case "agent":
            if not arguments.check_config:
                agent.run(settings, _BOOT_ID.read_text(encoding="ascii").strip())
            return OK
        case "check":
            return _check(settings, arguments.name, as_json=arguments.json)
        case "report":
            print(json.dumps(report.collect(settings), indent=None if arguments.json else 2))
            return OK
        case "canary":
            return _canary(settings, arguments.state, arguments.weight)
        case _:
            return _maintenance(settings, arguments.state)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="langflow-ha", description=__doc__)
    parser.add_argument("--config", type=Path, default=config.DEFAULT_PATH)
    verbs = parser.add_subparsers(dest="verb", required=True)
    resident = verbs.add_parser("agent", help="run the health agent (systemd does this)")
    resident.add_argument("--check-config", action="store_true", help="read the file and exit")
    single = verbs.add_parser("check", help="run one check now")
    single.add_argument("name", choices=(*check.NAMES, "all"))
    single.add_argument("--json", action="store_true")
    facts = verbs.add_parser("report", help="this node's facts, as JSON")
    facts.add_argument("--json", action="store_true", help="on one line")
    maintenance = verbs.add_parser("maintenance", help="take LangFlow here out of rotation")
    maintenance.add_argument("state", choices=("on", "off", "show"))
    share = verbs.add_parser("canary", help="give LangFlow here less than a full share of traffic")
    share.add_argument("state", choices=("on", "off", "show"))
    share.add_argument(
        "--weight", type=int, default=0, metavar="PERCENT", help="of a full share, for `on`"
    )
    return parser


def _check(settings: config.Config, name: str, *, as_json: bool) -> int:
    results = check.run(settings, name, gather.Network())
    if as_json:
        print(json.dumps([asdict(result) for result in results]))
    else:
        for result in results:
            print(f"{'ok  ' if result.code == OK else 'FAIL'}  {result.check}: {result.detail}")
    return max((result.code for result in results), default=OK)


def _canary(settings: config.Config, state: str, percent: int) -> int:
    file = Path(settings.paths.canary_file)
    if state == "on":
        if not canary.LEAST <= percent <= canary.MOST:
            print(f"langflow-ha: --weight {percent}: give {canary.LEAST} to {canary.MOST} percent")
            return USAGE
        canary.put(file, percent)
    elif state == "off":
        canary.lift(file)
    weight = canary.weight(file)
    print("canary is off" if weight is None else f"canary is on, with {weight} % of a full share")
    return OK


def _maintenance(settings: config.Config, state: str) -> int:
    file = Path(settings.paths.maintenance_file)
    if state == "on":
        file.touch()
    elif state == "off":
        file.unlink(missing_ok=True)
    print(f"maintenance is {'on' if file.exists() else 'off'}")
    return OK
