#!/usr/bin/env python3
"""Guard before every start of LangFlow. It reads, and changes nothing.

Why each check:

- settings: a missing key makes LangFlow fall back to SQLite, a key of its own or port 7860.
- ports: LangFlow silently takes the next free port when its own is taken.
- schema: an older LangFlow that meets a newer schema drops ``alembic_version``, replays all
  migrations and stamps its own old head (langflow/services/database/utils.py).
- share: files that were written while it is not mounted would stay on this node.
- database, queue, store: LangFlow gives up some 20 s after its start when one is away;
  waiting here is cheaper, and the start follows the moment they are back.

Exit codes: 0 start, 1 refused (an operator must act), 75 not yet (systemd tries again).
Runs in LangFlow's virtual environment, for its database driver; LangFlow is not imported.
"""

import argparse
import ast
import importlib.util
import os
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

REFUSED = 1
NOT_YET = os.EX_TEMPFAIL
# LangFlow's metrics server binds every address, whatever LANGFLOW_HOST says.
ANY = "0.0.0.0"  # noqa: S104
REQUIRED = (
    "LANGFLOW_HOST",
    "LANGFLOW_PORT",
    "LANGFLOW_PROMETHEUS_PORT",
    "LANGFLOW_DATABASE_URL",
    "LANGFLOW_SECRET_KEY",
    "LANGFLOW_SUPERUSER",
    "LANGFLOW_SUPERUSER_PASSWORD",
    "LANGFLOW_CONFIG_DIR",
    "LANGFLOW_STORAGE_TYPE",
    "LANGFLOW_JOB_QUEUE_TYPE",
)
REQUIRED_FOR = {
    ("LANGFLOW_JOB_QUEUE_TYPE", "redis"): (
        "LANGFLOW_REDIS_QUEUE_URL",
        "LANGFLOW_RATE_LIMIT_STORAGE_URI",
    ),
    ("LANGFLOW_STORAGE_TYPE", "s3"): (
        "LANGFLOW_OBJECT_STORAGE_BUCKET_NAME",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ),
}


@dataclass(frozen=True)
class Seen:
    """What was found on the node and behind it.

    ``away`` names each dependency that does not answer, with its error. ``revisions`` are the
    rows of ``alembic_version``: empty for an empty database, None when it could not be read.
    """

    environment: Mapping[str, str]
    version: str = "unknown"
    busy: Mapping[int, str] = field(default_factory=dict)
    away: Mapping[str, str] = field(default_factory=dict)
    revisions: Sequence[str] | None = None
    known: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """Exit code and the lines that explain it."""

    code: int
    lines: tuple[str, ...]


def missing_keys(environment: Mapping[str, str]) -> list[str]:
    """Names of the settings that are absent or empty, sorted."""
    needed = list(REQUIRED)
    for (name, value), more in REQUIRED_FOR.items():
        if environment.get(name) == value:
            needed.extend(more)
    return sorted(name for name in needed if not environment.get(name))


def decide(seen: Seen) -> Verdict:
    """Refuse for what only an operator can mend, then wait for what mends itself."""
    refusals = []
    if missing := missing_keys(seen.environment):
        refusals.append(
            f"/etc/langflow/langflow.env has no value for {', '.join(missing)}. "
            "Mend: run the playbook that writes it."
        )
    for port, error in sorted(seen.busy.items()):
        refusals.append(
            f"port {port} is not free ({error}); LangFlow would silently take another one. "
            f"Mend: find its owner with `ss -ltnp 'sport = :{port}'` and stop it."
        )
    for revision in seen.revisions or ():
        if revision not in seen.known:
            refusals.append(
                f"the database's schema has revision {revision}, which LangFlow {seen.version} does not "
                "know: a newer LangFlow made it, and a start would rewrite it. "
                "Mend: install the newer LangFlow here, or restore the database from before the upgrade."
            )
    if refusals:
        return Verdict(REFUSED, tuple(refusals))
    if seen.away:
        return Verdict(
            NOT_YET, tuple(f"{name} does not answer: {error}" for name, error in seen.away.items())
        )
    if seen.revisions is None:
        return Verdict(NOT_YET, ("the database's schema could not be read",))
    schema = ", ".join(seen.revisions) or "empty, will be created"
    return Verdict(0, (f"LangFlow {seen.version} may start; schema: {schema}",))


def port_error(host: str, port: int) -> str | None:
    """Try to bind; returns why not. ``SO_REUSEADDR`` so that closing connections do not count."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.strerror or str(error)
    return None


def package_directory() -> Path:
    """LangFlow's directory in site-packages, found without importing it."""
    spec = importlib.util.find_spec("langflow")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("LangFlow is not installed beside this interpreter")
    return Path(next(iter(spec.submodule_search_locations)))


def known_revisions(versions: Path) -> frozenset[str]:
    """``revision = "…"`` of every migration script, read from its syntax tree."""
    found = set()
    for script in versions.glob("*.py"):
        for node in ast.parse(script.read_bytes()).body:
            if isinstance(node, ast.AnnAssign):
                targets: list[ast.expr] = [node.target]
                value = node.value
            elif isinstance(node, ast.Assign):
                targets, value = node.targets, node.value
            else:
                continue
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            if (
                "revision" in names
                and isinstance(value, ast.Constant)
                and isinstance(value.value, str)
            ):
                found.add(value.value)
    return frozenset(found)


def read_schema(url: str) -> list[str]:
    """Rows of ``alembic_version`` on a writable server; [] when the table is not there.

    Raises OSError with the server's words when it cannot be read or is a standby.
    """
    import psycopg2  # type: ignore[import-untyped,unused-ignore]

    try:
        connection = psycopg2.connect(url, options="-c statement_timeout=5000")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_is_in_recovery(), to_regclass('alembic_version') IS NOT NULL"
                )
                standby, stamped = cursor.fetchone()
                if standby:
                    raise OSError("it is a standby")
                if not stamped:
                    return []
                cursor.execute("SELECT version_num FROM alembic_version ORDER BY 1")
                return [str(row[0]) for row in cursor.fetchall()]
        finally:
            connection.close()
    except psycopg2.Error as error:
        raise OSError(" ".join(str(error).split())) from error


def ping_queue(url: str, timeout: float) -> None:
    """AUTH and PING in the wire protocol; raises OSError unless the answer is PONG."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 6379), timeout) as wire:
        wire.settimeout(timeout)
        if parts.password:
            words = [
                "AUTH",
                *([unquote(parts.username)] if parts.username else []),
                unquote(parts.password),
            ]
            wire.sendall(command(words))
            answer(wire, "+OK")
        wire.sendall(command(["PING"]))
        answer(wire, "+PONG")


def command(words: Sequence[str]) -> bytes:
    """A command as the array of bulk strings of the RESP protocol."""
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        raw = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(raw), raw))
    return b"".join(parts)


def answer(wire: socket.socket, expected: str) -> None:
    """Read one line; raises OSError unless it is the expected one."""
    line = b""
    while not line.endswith(b"\r\n"):
        chunk = wire.recv(512)
        if not chunk:
            raise ConnectionError("the connection was closed")
        line += chunk
    if (text := line.decode("utf-8", "replace").strip()) != expected:
        raise OSError(f"it said {text!r}")


def ask_store(url: str, ca_file: str | None, timeout: float) -> None:
    """Any HTTP answer counts: the store lives; the preflight checks the bucket and the keys."""
    import http.client

    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from error
    finally:
        connection.close()


def try_share(directory: Path) -> None:
    """Write a file to the shared directory and remove it; raises OSError when that fails.

    Not bounded in time: on a hung share nothing can be. The unit's start time-out is above it.
    """
    if not any(os.path.ismount(place) for place in (directory, *directory.parents[:-1])):
        raise OSError("it is on this node's own disk: the share is not mounted")
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".prestart-") as file:
        file.write(b"\n")
        file.flush()
        os.fsync(file.fileno())


def gather(environment: Mapping[str, str], *, timeout: float = 5) -> Seen:
    """Look at the node and at what LangFlow needs. Each probe but the share's is bounded by ``timeout`` seconds."""
    versions = package_directory() / "alembic" / "versions"
    busy = {}
    for name, host in (
        ("LANGFLOW_PORT", environment.get("LANGFLOW_HOST")),
        ("LANGFLOW_PROMETHEUS_PORT", ANY),
    ):
        number = environment.get(name)
        if host and number and (error := port_error(host, int(number))):
            busy[int(number)] = error
    revisions: list[str] | None = None
    away = {}

    def probe(name: str, ask: Callable[[], None]) -> None:
        try:
            ask()
        except OSError as error:
            away[name] = str(error) or type(error).__name__

    if url := environment.get("LANGFLOW_DATABASE_URL"):
        try:
            revisions = read_schema(url)
        except OSError as error:
            away["the database"] = str(error)
    if queue := environment.get("LANGFLOW_REDIS_QUEUE_URL"):
        probe("the queue", lambda: ping_queue(queue, timeout))
    if store := environment.get("AWS_ENDPOINT_URL_S3"):
        probe(
            "the object store", lambda: ask_store(store, environment.get("AWS_CA_BUNDLE"), timeout)
        )
    if environment.get("LANGFLOW_STORAGE_TYPE") == "local":
        share = Path(environment.get("LANGFLOW_CONFIG_DIR", ""))
        probe(f"the shared directory {share}", lambda: try_share(share))
    return Seen(
        environment=environment,
        version=metadata.version("langflow-base"),
        busy=busy,
        away=away,
        revisions=revisions,
        known=known_revisions(versions),
    )


def wait(
    look: Callable[[], Seen],
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Verdict:
    """Look again every second while the verdict is "not yet" and ``seconds`` are not over."""
    end = clock() + seconds
    said: tuple[str, ...] = ()
    while True:
        verdict = decide(look())
        if verdict.code != NOT_YET or clock() >= end:
            return verdict
        if verdict.lines != said:
            said = verdict.lines
            print("waiting: " + "; ".join(said), flush=True)
        sleep(1)


def main() -> int:
    """Guard, or answer one question (``--show-schema``, ``--knows-schema``, ``--try-share``)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="for what does not answer"
    )
    parser.add_argument("--show-schema", action="store_true", help='print the revision or "empty"')
    parser.add_argument(
        "--knows-schema",
        action="store_true",
        help="judge the revision only, whatever else there is",
    )
    parser.add_argument("--try-share", type=Path, metavar="DIRECTORY", help="write to it, once")
    options = parser.parse_args()
    if options.try_share:
        try:
            try_share(options.try_share)
        except OSError as error:
            print(f"{options.try_share}: {error.strerror or error}")
            return NOT_YET
        return 0
    if options.show_schema or options.knows_schema:
        try:
            revisions = read_schema(os.environ["LANGFLOW_DATABASE_URL"])
        except OSError as error:
            print(f"the database does not answer: {error}", file=sys.stderr)
            return NOT_YET
        print(" ".join(revisions) or "empty")
        if options.show_schema:
            return 0
        known = known_revisions(package_directory() / "alembic" / "versions")
        return 0 if known.issuperset(revisions) else REFUSED
    verdict = wait(lambda: gather(os.environ), options.wait)
    word = {0: "ok", REFUSED: "refused", NOT_YET: "not yet"}[verdict.code]
    for line in verdict.lines:
        print(f"prestart {word}: {line}", file=sys.stderr if verdict.code else sys.stdout)
    return verdict.code


if __name__ == "__main__":
    sys.exit(main())
