"""Getting connected: names, addresses, TLS, proxies, unix sockets."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from tests.upstream.raw import (
    HELLO,
    OK,
    Line,
    ask,
    both_loops,
    client_context,
    peer,
    plain_and_tls,
    pool,
    run,
    server_context,
    upstream,
)

from lethe.errors import ConnectFailed, ConnectTimeout, TlsFailed
from lethe.upstream.dial import alternate


async def answer_all(line: Line) -> None:
    while await line.request():
        await line.send(OK)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@both_loops
@pytest.mark.parametrize("url", ["http://127.0.0.1:{}", "http://no-such-name.invalid:{}", "unix:/nowhere/{}.sock"])
def test_nothing_there(loop: str, url: str) -> None:
    async def scenario() -> None:
        with pool(upstream(url.format(closed_port()))) as here:
            with pytest.raises(ConnectFailed):
                await ask(here)
            assert (here.idle, here.in_flight) == (0, 0)

    run(loop, scenario)


@both_loops
def test_an_upstream_that_does_not_accept(loop: str) -> None:
    async def scenario() -> None:
        # A full backlog makes the kernel ignore our SYN.
        with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
            fillers = []
            for _ in range(3):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(server.getsockname())
                fillers.append(filler)
            with pool(upstream(f"http://127.0.0.1:{server.getsockname()[1]}", connect=0.2)) as here:
                with pytest.raises(ConnectTimeout):
                    await ask(here)
            for filler in fillers:
                filler.close()

    run(loop, scenario)


@both_loops
def test_ipv6(loop: str) -> None:
    async def scenario() -> None:
        async with peer(answer_all, host="::1") as there:
            with pool(upstream(there.url)) as here:
                assert await ask(here) == (200, b"ok")

    run(loop, scenario)


@both_loops
def test_every_address_of_a_name_is_tried(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async def resolve(host: str, *_: object) -> list[str]:
            assert host == "many.example"
            return ["::1", "127.0.0.2", "127.0.0.1"]

        monkeypatch.setattr("lethe.upstream.dial._resolve", resolve)
        async with peer(answer_all) as there:
            with pool(upstream(f"http://many.example:{there.port}")) as here:
                assert await ask(here) == (200, b"ok")

    run(loop, scenario)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], []),
        ([(6, "a")], ["a"]),
        ([(6, "a"), (6, "b"), (4, "c")], ["a", "c", "b"]),
        ([(4, "a"), (6, "b"), (6, "c"), (4, "d")], ["a", "b", "d", "c"]),
    ],
)
def test_families_take_turns(found: list[tuple[int, str]], expected: list[str]) -> None:
    assert alternate(found) == expected


@both_loops
def test_unix_sockets(loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "engine.sock"
        seen = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK)
            await reader.read()
            writer.close()

        server = await asyncio.start_unix_server(serve, path)
        with pool(upstream(f"unix:{path}:/v1")) as here:
            assert await ask(here) == (200, b"ok")
        server.close()
        assert seen[0].startswith(b"POST /v1/hello HTTP/1.1\r\nhost: localhost\r\n")
        await asyncio.sleep(0.01)

    run(loop, scenario)


@both_loops
@pytest.mark.parametrize("fault", ["authority", "name", "plain", "reset", "eof"])
def test_tls_that_cannot_be(loop: str, fault: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            if fault == "plain":
                await line.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                await line.until_gone()
            elif fault == "reset":
                await line.reader.read(10)
                line.reset()

        tls = fault in ("authority", "name")
        async with peer(script, tls=tls) as there:
            host = "127.0.0.1" if fault == "name" else "localhost"
            context = ssl.create_default_context() if fault == "authority" else client_context()
            with pool(upstream(f"https://{host}:{there.port}"), context=context) as here:
                with pytest.raises(TlsFailed):
                    await ask(here)
                assert (here.idle, here.in_flight) == (0, 0)
            await there.all_gone()

    run(loop, scenario)


@both_loops
def test_a_silent_handshake_times_out(loop: str) -> None:
    async def scenario() -> None:
        async with peer(Line.until_gone) as there:
            with pool(upstream(f"https://localhost:{there.port}", connect=0.1)) as here:
                with pytest.raises(ConnectTimeout):
                    await ask(here)
            await there.all_gone()

    run(loop, scenario)


@both_loops
def test_a_plain_upstream_through_a_proxy(loop: str) -> None:
    async def scenario() -> None:
        seen = []

        async def script(line: Line) -> None:
            seen.append(await line.request())
            await line.send(OK)

        async with peer(script) as proxy:
            with pool(upstream("http://api.example/v1", proxy=f"http://me:pw@127.0.0.1:{proxy.port}")) as here:
                assert await ask(here) == (200, b"ok")
        assert seen[0].startswith(
            b"POST http://api.example/v1/hello HTTP/1.1\r\nhost: api.example\r\nproxy-authorization: Basic bWU6cHc=\r\n"
        )

    run(loop, scenario)


@both_loops
@pytest.mark.parametrize("credentials", [True, False])
def test_a_tls_upstream_through_a_proxy(loop: str, credentials: bool) -> None:
    async def scenario() -> None:
        asked = []

        async def script(line: Line) -> None:
            asked.append(await line.reader.readuntil(b"\r\n\r\n"))
            await line.send(b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n")
            await line.writer.start_tls(server_context("api.example"))
            await answer_all(line)

        async with peer(script) as proxy:
            user = "me:pw@" if credentials else ""
            with pool(upstream("https://api.example/v1", proxy=f"http://{user}127.0.0.1:{proxy.port}")) as here:
                assert await ask(here) == (200, b"ok")
                assert await ask(here) == (200, b"ok")
        line = b"proxy-authorization: Basic bWU6cHc=\r\n" if credentials else b""
        assert asked == [b"CONNECT api.example:443 HTTP/1.1\r\nhost: api.example:443\r\n" + line + b"\r\n"]

    run(loop, scenario)


@both_loops
@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nsurplus",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000,
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 2",
        b"",
    ],
    ids=["refused", "surplus", "endless", "garbage", "cut", "eof"],
)
def test_a_proxy_that_will_not(loop: str, said: bytes) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.reader.readuntil(b"\r\n\r\n")
            await line.send(said)

        async with peer(script) as proxy:
            with pool(upstream("https://api.example", proxy=f"http://127.0.0.1:{proxy.port}")) as here:
                with pytest.raises(ConnectFailed):
                    await ask(here)
            await proxy.all_gone()

    run(loop, scenario)


@both_loops
@plain_and_tls
def test_keep_alive_is_on(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async with peer(answer_all, tls=tls) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(HELLO)
                carrier = reply._carrier
                sock = carrier._transport.get_extra_info("socket")  # type: ignore[union-attr]
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                reply.close()

    run(loop, scenario)


@both_loops
@pytest.mark.parametrize("name", ["localhost", "engine.localhost"])
def test_names_of_this_machine_are_asked_of_nobody(loop: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is taken for a place here, plain HTTP and all, must not be somewhere else by a resolver's word (RFC 6761)."""

    async def scenario() -> None:
        async def asked(*_: object, **__: object) -> list[object]:
            raise AssertionError("a resolver was asked")

        monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", asked, raising=False)
        for host in ("127.0.0.1", "::1"):
            async with peer(answer_all, host=host) as there:
                with pool(upstream(f"http://{name}:{there.port}")) as here:
                    assert await ask(here) == (200, b"ok")

    run(loop, scenario)
