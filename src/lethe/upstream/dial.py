"""Getting connected: names, addresses, proxies, TLS."""

import asyncio
import socket
import ssl
from asyncio import AbstractEventLoop, Transport
from itertools import chain, zip_longest
from typing import cast

from msgspec import Struct

from lethe.errors import ConnectFailed, ConnectTimeout, TlsFailed
from lethe.upstream.address import Address, Proxy
from lethe.upstream.arrivals import Arrivals
from lethe.upstream.connection import Connection
from lethe.upstream.head import authorization_line
from lethe.upstream.tls_transport import TlsTransport
from lethe.upstream.tunnel import Tunnel

_MOST_ADDRESSES = 4  # of one name; more would leave each too little time
_HERE = ("127.0.0.1", "::1")  # RFC 6761, 6.3: to be asked of no resolver, which could name another machine


class Way(Struct, frozen=True, kw_only=True):
    """How to reach an upstream, within `seconds` in all.

    `context` is there if the address asks for TLS; `arrivals` is what all of them read into.
    """

    address: Address
    proxy: Proxy | None
    context: ssl.SSLContext | None
    arrivals: Arrivals
    seconds: float


async def dial(way: Way, connection: Connection, loop: AbstractEventLoop) -> None:
    """Connect `connection`. On every way out but success, cancellation included, no socket is left.

    Raises ConnectFailed, ConnectTimeout, TlsFailed.
    """
    tunnel = Tunnel(way.arrivals)
    secured = None
    if way.context is not None:
        secured = TlsTransport(connection, way.context, way.address.host, way.arrivals.whole, loop)
    try:
        async with asyncio.timeout(way.seconds):
            await _connect(way, connection, tunnel, secured, loop)
    except TimeoutError:
        _drop(connection, tunnel, secured)
        raise ConnectTimeout from None
    except OSError:
        _drop(connection, tunnel, secured)
        raise ConnectFailed from None
    except BaseException:
        _drop(connection, tunnel, secured)
        raise


async def _connect(
    way: Way, connection: Connection, tunnel: Tunnel, secured: TlsTransport | None, loop: AbstractEventLoop
) -> None:
    address, proxy = way.address, way.proxy
    if address.socket is not None:
        await loop.create_unix_connection(lambda: connection, address.socket)
        return
    host, port = (address.host, address.port) if proxy is None else (proxy.host, proxy.port)
    first = connection if secured is None else secured if proxy is None else tunnel
    transport = await _reach(host, port, first, way.seconds, loop)
    _keep_alive(transport)
    if secured is None:
        return
    if proxy is not None:
        await tunnel.through(b"%b:%d" % (_target(address), address.port), authorization_line(proxy), loop)
        transport.set_protocol(secured)
        secured.connection_made(transport)
    if not await secured.settled:
        raise TlsFailed


async def _reach(
    host: str, port: int, protocol: asyncio.BaseProtocol, seconds: float, loop: AbstractEventLoop
) -> Transport:
    """Try the addresses of the name one after another, each with its share of the time that is left."""
    deadline = loop.time() + seconds
    hosts = await _resolve(host, port, loop)
    fault: OSError = OSError("the name has no address")
    for left, candidate in zip(range(len(hosts), 0, -1), hosts, strict=True):
        try:
            async with asyncio.timeout((deadline - loop.time()) / left):
                transport, _ = await loop.create_connection(lambda: protocol, candidate, port)
        except OSError as error:  # TimeoutError is one
            fault = error
        else:
            return transport
    raise fault


async def _resolve(host: str, port: int, loop: AbstractEventLoop) -> list[str]:
    if _is_literal(host):
        return [host]
    if host == "localhost" or host.endswith(".localhost"):
        return list(_HERE)
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return alternate([(family, str(address[0])) for family, _, _, _, address in found])[:_MOST_ADDRESSES]


def alternate(found: list[tuple[int, str]]) -> list[str]:
    """Addresses by turns of their families, so that one broken family cannot use up all attempts."""
    preferred = [ip for family, ip in found if family == found[0][0]]
    others = [ip for family, ip in found if family != found[0][0]]
    return [ip for ip in chain.from_iterable(zip_longest(preferred, others)) if ip is not None]


def _is_literal(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


def _keep_alive(transport: Transport) -> None:
    """An answer may be silent for minutes; NATs and firewalls forget connections sooner than that."""
    sock = cast("socket.socket", transport.get_extra_info("socket"))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        option = getattr(socket, name, None)  # macOS has other names
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _target(address: Address) -> bytes:
    return (f"[{address.host}]" if ":" in address.host else address.host).encode("ascii")


def _drop(connection: Connection, tunnel: Tunnel, secured: TlsTransport | None) -> None:
    connection.abort()
    tunnel.abort()
    if secured is not None:
        secured.abort()
