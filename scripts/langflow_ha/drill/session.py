"""Puts an engine together for a site: login, load, watchers, a lock that keeps others out."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
from collections.abc import AsyncIterator, Iterator

import httpx

from langflow_ha.drill.database_load import DatabaseLoad
from langflow_ha.drill.engine import Engine, Say
from langflow_ha.drill.http import Api, ApiError, client, tls_context
from langflow_ha.drill.load import Load
from langflow_ha.status.gather import gather
from langflow_ha.status.model import ClusterView
from langflow_ha.status.remote import Remote, SshRemote
from langflow_ha.status.site import Site

ATTEMPTS = 6


class SessionError(Exception):
    """Drills cannot start; the text says why and what to do."""


@contextlib.contextmanager
def only_one(site: Site) -> Iterator[None]:
    """Hold the lock of a site; raises SessionError when another drill of this controller runs."""
    site.state_directory.mkdir(parents=True, exist_ok=True)
    with (site.state_directory / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SessionError(
                f"another drill runs against {site.name}; wait for it to end"
            ) from None
        yield


async def logged_in(site: Site) -> Api:
    """Return the API of a site with a login, a key and the echo flow; raises SessionError."""
    password = site.credentials.get("password")
    if not password:
        raise SessionError(
            "secret_langflow_superuser_password is not in the inventory; "
            "give --vault-password-file so that the vault can be read"
        )
    api = Api(client(site.url, site.ca_file))
    try:
        for attempt in range(ATTEMPTS):
            try:
                await api.login(site.superuser, password)
                break
            except (httpx.HTTPError, ApiError) as error:
                limited = isinstance(error, ApiError) and error.status == 429
                if attempt == ATTEMPTS - 1 or (isinstance(error, ApiError) and not limited):
                    raise
                # LangFlow allows five logins a minute from one address.
                await asyncio.sleep(15 if limited else 2)
        await api.prepare()
    except (httpx.HTTPError, ApiError, KeyError, ValueError, OSError) as error:
        await api.close()
        raise SessionError(
            f"login at {site.url} failed: {error or type(error).__name__}"
        ) from error
    return api


@contextlib.asynccontextmanager
async def session(
    site: Site, say: Say, remote: Remote | None = None, seed: int = 0
) -> AsyncIterator[Engine]:
    """Yield an engine that is ready to run drills; cleans up its API key afterwards."""
    connection = remote or SshRemote()
    # A polite end from outside is an interruption too: the fault is undone first.
    if task := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)

    async def view() -> ClusterView:
        return await gather(site, connection)

    with only_one(site):
        if not any("langflow" in node.groups for node in site.nodes):
            yield Engine(site, connection, view, lambda: DatabaseLoad(site, connection), say, seed)
            return
        api = await logged_in(site)
        context = tls_context(site.ca_file)
        try:
            yield Engine(site, connection, view, lambda: Load(site.url, context, api), say, seed)
        finally:
            await api.close()
