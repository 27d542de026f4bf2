"""From a message of Alertmanager to a run, or to the reason why there is none. Pure.

The status of the answer is what Alertmanager makes of it: after a 5xx it asks again, and counts a failure, by which
`LangflowAlertsUndelivered` calls somebody. So a run that failed is answered with 500 until the next one may begin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from langflow_ha.overload.config import Config


class Outcome(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Run:
    """The last run: when it began (seconds since 1970), for which spare, and how it went."""

    began: float
    spare: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, and the spare to add now, "" for none."""

    status: int
    why: str
    spare: str = ""


def judge(
    config: Config, last: Run | None, used: Sequence[str], message: object, now: float
) -> Verdict:
    """Return what a message leads to. `used`: spares that are in the inventory's groups already."""
    if not isinstance(message, dict) or not isinstance(message.get("alerts"), list):
        return Verdict(400, "this is no message of Alertmanager")
    firing = sorted({name for alert in message["alerts"] if (name := _firing(alert))})
    if not firing:
        return Verdict(200, "nothing that fires is an overload")
    if last and last.outcome is Outcome.RUNNING:
        return Verdict(200, f"{last.spare} is being added")
    if last and now - last.began < config.cooldown_minutes * 60:
        if last.outcome is Outcome.FAILED:
            return Verdict(500, f"adding {last.spare} failed; again after the cooldown")
        return Verdict(200, f"{last.spare} was added less than {config.cooldown_minutes} min ago")
    # One that failed is half a member: it is finished before another is begun.
    spare = last.spare if last and last.outcome is Outcome.FAILED else _next(config, used)
    if not spare:
        return Verdict(200, "no spare is left")
    return Verdict(202, f"{', '.join(firing)}: adding {spare}", spare)


def _firing(alert: object) -> str:
    if not isinstance(alert, Mapping) or alert.get("status") != "firing":
        return ""
    labels = alert.get("labels")
    if not isinstance(labels, Mapping) or labels.get("scale") != "out":
        return ""
    return str(labels.get("alertname", "an alert without a name"))


def _next(config: Config, used: Sequence[str]) -> str:
    return next((name for name in config.spares if name not in used), "")
