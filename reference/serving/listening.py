"""The socket of a server: bound and listening before anybody is told its address."""

from __future__ import annotations

import socket
from collections.abc import Callable

# A peer that acknowledges nothing (gone, or with a full window) is dropped after this; closing such a connection waits
# for its peer otherwise, for ever.
_PEER_TIMEOUT_MS = 60_000
# For `timeout_keep_alive`: longer than clients keep an idle connection. uvicorn's 5 s are those of httpx, and where the
# server is first, it closes a connection now and then just as a request is sent on it.
KEEP_ALIVE_S = 75
_BACKLOG = 2048  # connections that wait while the server imports and opens what it serves


def listening_socket(host: str, port: int, *, error: Callable[[str], BaseException], mend: str) -> socket.socket:
    """A socket to give to `uvicorn.Server.serve(sockets=[...])`; who connects before it serves waits and is answered.

    A socket that is only bound refuses them, so an address printed before the server runs would not work at once.

    Args:
        port: 0 takes a free one.
        error: makes the exception from a message if the port is taken, or the host none of this machine.
        mend: what to do then, for the message.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # accepted connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _PEER_TIMEOUT_MS)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as problem:
        listener.close()
        raise error(f"port {port} on {host}: {problem.strerror or problem}; {mend}") from None
    return listener
