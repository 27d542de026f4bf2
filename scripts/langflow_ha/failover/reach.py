"""Try a host by every way at once: is there any sign of it?"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections.abc import Iterable

_ANSWERS = {0, errno.ECONNREFUSED, errno.ECONNRESET}
"""Only the host itself accepts, refuses or resets."""
_SILENCES = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH}
"""Nobody at that address, or no way there (no IPv6 here, say). Any other error is trouble of this
machine's own, which says nothing about the other."""


def who_answers(ways: Iterable[tuple[str, int]], timeout: float) -> str:
    """Connect to all (address, port) at once; the first that answers as text, "" for none.

    A refusal answers too. Takes `timeout` seconds at most. Raises `OSError` when this machine
    could not even try a way.
    """
    end = time.monotonic() + timeout
    with selectors.DefaultSelector() as waiting:
        try:
            for address, port in ways:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                link = socket.socket(family, socket.SOCK_STREAM)
                link.setblocking(False)
                way = f"{address} port {port}"
                waiting.register(link, selectors.EVENT_WRITE, way)
                code = link.connect_ex((address, port))
                if code != errno.EINPROGRESS and _settled(waiting, link, code):
                    return way
            while waiting.get_map() and (left := end - time.monotonic()) > 0:
                for key, _ in waiting.select(left):
                    link = key.fileobj  # type: ignore[assignment]
                    code = link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if _settled(waiting, link, code):
                        return str(key.data)
            return ""
        finally:
            for key in list(waiting.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]


def _settled(waiting: selectors.BaseSelector, link: socket.socket, code: int) -> bool:
    """Did this way answer? One that is silent is put away."""
    if code in _ANSWERS:
        return True
    if code not in _SILENCES:
        raise OSError(code, errno.errorcode.get(code, "unknown error"))
    waiting.unregister(link)
    link.close()
    return False
