"""Which addresses a webhook may go to: public ones, looked up once and then connected to as looked up.

A URL chosen by a client is a way into the network of the server that calls it (SSRF): to cloud metadata, databases,
admin pages. Checking the name is not enough, since it may resolve to another address a moment later; so the address
that was checked is the one that is connected to, with the name kept for TLS and the Host header.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = frozenset({443, 8443})
_MOST_CHARS = 2000


class BadAddress(ValueError):
    """The URL cannot be a webhook; the message says why."""


@dataclass(frozen=True)
class Target:
    """Where to connect. `address` is an IP; `host` and `port` as in the URL; `path` with the query."""

    scheme: str
    host: str
    port: int
    path: str
    address: str


def exempted(allow: str) -> frozenset[str]:
    """`host:port` pairs of the setting `webhook_allow`."""
    return frozenset(part.strip() for part in allow.split(",") if part.strip())


def check_url(url: str, allow: frozenset[str] = frozenset()) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of a URL that could be a webhook, without looking its name up. Raises BadAddress."""
    if len(url) > _MOST_CHARS or any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise BadAddress(f"webhook_url: at most {_MOST_CHARS} characters, no spaces or control characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadAddress(f"webhook_url: {error}") from None
    if not host or parts.username is not None or parts.password is not None:
        raise BadAddress("webhook_url: needs a host name, and no user or password")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = port or (443 if parts.scheme == "https" else 80)
    if f"{host}:{port}" in allow:
        return parts.scheme, host, port, path
    if parts.scheme != "https":
        raise BadAddress("webhook_url: must begin with https://")
    if port not in _PORTS:
        raise BadAddress(f"webhook_url: port {port} is not allowed; use {' or '.join(map(str, sorted(_PORTS)))}")
    _refuse_literal(host)
    return parts.scheme, host, port, path


def _refuse_literal(host: str) -> None:
    """Refuses an address written in the URL, in any notation that a resolver would take for one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))  # 127.1, 0x7f000001, 2130706433
        except OSError:
            return
    require_public(str(address))


def require_public(address: str) -> None:
    """Raises BadAddress unless the IP address is one of the public internet."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    inner = None
    if isinstance(ip, ipaddress.IPv6Address):
        # IPv4 inside IPv6 (mapped, 6to4, NAT64) reaches the IPv4 address.
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    for one in (ip, inner):
        if one is not None and (not one.is_global or one.is_multicast or one.is_reserved):
            raise BadAddress("webhook_url: leads to an address that is not public")


async def resolve(url: str, allow: frozenset[str] = frozenset()) -> Target:
    """The URL with the address to connect to. All addresses of the name must be public. Raises BadAddress."""
    scheme, host, port, path = check_url(url, allow)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise BadAddress(f"webhook_url: the name {host!r} cannot be resolved") from None
    addresses = [str(entry[4][0]) for entry in found]
    if f"{host}:{port}" not in allow:
        for address in addresses:
            require_public(address)
    return Target(scheme, host, port, path, addresses[0])
