#!/usr/bin/env python3
"""Show the traces that this node's collector keeps. As root:

    langflow-ha-trace                  the newest traces, one a line
    langflow-ha-trace TRACE_ID         its spans, as a tree
    langflow-ha-trace --slower 5       only traces that took 5 s and more
    langflow-ha-trace TRACE_ID --json  its spans as OTLP's JSON, one a line

Exit code 1: there is no such trace, in this node's files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DIRECTORY = Path("/var/lib/langflow-ha-traces/spans")
# Of a span's attributes, those that tell most; --json has all.
SHOWN = ("flow_id", "status", "http.route", "http.response.status_code", "error.type")

Span = dict[str, Any]


def value(wrapped: dict[str, Any]) -> Any:
    """Return what OTLP wraps in its type."""
    return next(iter(wrapped.values()), "")


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    """Return attributes by their names."""
    return {one["key"]: value(one.get("value", {})) for one in holder.get("attributes", [])}


def files(directory: Path) -> list[Path]:
    """Return the collector's files, oldest first: the one that it writes to has no time in its name."""
    return [*sorted(directory.glob("spans-*.json")), *directory.glob("spans.json")]


def spans(directory: Path, trace: str = "") -> Iterator[Span]:
    """Read spans, of one trace or of all; each with the node that it comes from."""
    for file in files(directory):
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if trace and trace not in line:
                    continue
                try:
                    batch = json.loads(line)
                except ValueError:
                    # The last line while it is written, or when power was lost.
                    continue
                for resource in batch.get("resourceSpans", []):
                    node = attributes(resource.get("resource", {})).get("service.instance.id", "?")
                    for scope in resource.get("scopeSpans", []):
                        for span in scope.get("spans", []):
                            if not trace or span.get("traceId") == trace:
                                yield {**span, "node": node}


def milliseconds(span: Span) -> float:
    """Return how long it took."""
    return (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e6


def failed(span: Span) -> bool:
    """Return whether it ended with an error."""
    return bool(span.get("status", {}).get("code") == 2)


def tree(found: list[Span]) -> Iterator[str]:
    """Write one trace as lines: when a span began, how long it took, its name under that of its parent."""
    found.sort(key=lambda span: int(span["startTimeUnixNano"]))
    known = {span["spanId"] for span in found}
    begin = int(found[0]["startTimeUnixNano"])

    def below(parent: str | None, depth: int) -> Iterator[str]:
        for span in found:
            above = span.get("parentSpanId", "")
            if (above if above in known else None) != parent:
                continue
            told = attributes(span)
            facts = [f"{name}={told[name]}" for name in SHOWN if name in told]
            after = (int(span["startTimeUnixNano"]) - begin) / 1e6
            words = [
                f"{after:9.1f} ms",
                f"{milliseconds(span):9.1f} ms",
                " " * depth + span["name"],
            ]
            yield "  ".join(
                [*words, f"[{span['node']}]", *facts, *(["ERROR"] if failed(span) else [])]
            )
            yield from below(span["spanId"], depth + 2)

    yield f"{moment(begin)}  {len(found)} spans\n     after         took"
    yield from below(None, 0)


def moment(nanoseconds: int) -> str:
    """Return a time in UTC, as logs have it."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def overview(directory: Path, slower: float, count: int) -> list[str]:
    """Return the newest traces, each by its first span, as lines."""
    first: dict[str, Span] = {}
    for span in spans(directory):
        known = first.get(span["traceId"])
        if known is None or int(span["startTimeUnixNano"]) < int(known["startTimeUnixNano"]):
            first[span["traceId"]] = span
    wanted = [span for span in first.values() if milliseconds(span) >= slower * 1000]
    wanted.sort(key=lambda span: int(span["startTimeUnixNano"]))
    return [
        f"{moment(int(span['startTimeUnixNano']))}  {span['traceId']}  {milliseconds(span):9.1f} ms  "
        f"{span['name']}  [{span['node']}]{'  ERROR' if failed(span) else ''}"
        for span in wanted[-count:]
    ]


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n", 1)[0], formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("trace", nargs="?", default="", help="32 hexadecimal digits")
    parser.add_argument("--json", action="store_true", help="spans as they came")
    parser.add_argument(
        "--slower", type=float, default=0, metavar="SECONDS", help="only such traces"
    )
    parser.add_argument("--count", type=int, default=20, help="how many; default: 20")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.trace:
        lines = overview(options.directory, options.slower, options.count)
    else:
        found = list(spans(options.directory, options.trace.lower()))
        lines = (
            [json.dumps(span) for span in found]
            if options.json
            else list(tree(found))
            if found
            else []
        )
    if not lines:
        print(
            "no such trace is kept here; was its request recorded? docs/traces.md", file=sys.stderr
        )
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
