"""Every phase of an exchange meets every fault; afterwards the next request works and nothing is left behind."""

import asyncio
import contextlib

import pytest
from tests.upstream.raw import OK, Line, Peer, ask, both_loops, peer, plain_and_tls, pool, run, until, upstream

from lethe.errors import (
    ConnectTimeout,
    FirstByteTimeout,
    IdleTimeout,
    MalformedReply,
    StreamCut,
    TlsFailed,
    UpstreamError,
)
from lethe.upstream.call import Call
from lethe.upstream.pool import Pool

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
BODY = b"5\r\nhello\r\n"
SMALL = Call(path=b"/x", headers=(), body=b"{}")
LARGE = Call(path=b"/x", headers=(), body=b"x" * (8 << 20))

# What the upstream sends, correctly, before the fault strikes. None: it doesn't even read the request.
PHASES: dict[str, bytes | None] = {
    "sending": None,
    "before the head": b"",
    "after 100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "in the head": HEAD[:20],
    "before the body": HEAD,
    "in a chunk": HEAD + BODY[:5],
    "between chunks": HEAD + BODY,
}
HEADLESS = ("sending", "before the head", "after 100", "in the head")
GARBAGE = b"\x00garbage\x00" * 20
FAULTS = ("reset", "eof", "garbage", "silence", "trickle", "cancel")


def expected(phase: str, fault: str) -> type[BaseException] | None:
    """The error type; None where the exchange succeeds."""
    headless = phase in HEADLESS
    match fault:
        case "reset" | "eof":
            return StreamCut
        case "garbage":
            return MalformedReply
        case "silence":
            return FirstByteTimeout if headless else IdleTimeout
        case "trickle":
            return FirstByteTimeout if headless else None
        case _:
            return asyncio.CancelledError


async def misbehave(line: Line, phase: str, fault: str, suffered: asyncio.Event) -> None:
    sent = PHASES[phase]
    if sent is None:
        await line.reader.readuntil(b"\r\n\r\n")
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport as well
    else:
        await line.request()
        await line.send(sent)
        if sent:
            await asyncio.sleep(0.01)  # so that it arrives on its own
    match fault:
        case "reset":
            line.reset()
        case "eof":
            return
        case "garbage":
            await line.send(GARBAGE)
        case "trickle":
            rest = (HEAD + BODY + b"0\r\n\r\n")[len((sent or b"").removeprefix(PHASES["after 100"] or b"")) :]
            await line.send(*[b"%c" % byte for byte in rest], every=0.012)
            while await line.request():
                await line.send(OK)
    with contextlib.suppress(RuntimeError):
        line.writer.transport.resume_reading()  # type: ignore[attr-defined]  # a read transport as well
    if sent is not None or fault == "garbage":
        await line.until_gone()
    else:
        await suffered.wait()  # nobody reads, so that the end would not be seen


async def suffer(there: Peer, here: Pool, call: Call, fault: str) -> type[BaseException] | None:
    asking = asyncio.create_task(ask(here, call))
    if fault == "cancel":
        await until(lambda: bool(there.lines))  # a handshake may take its time on a busy machine
        await asyncio.sleep(0.05)
        asking.cancel()
    try:
        await asking
    except (UpstreamError, asyncio.CancelledError) as error:
        return type(error)
    return None


@both_loops
@plain_and_tls
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("phase", PHASES)
def test_faults(loop: str, tls: bool, phase: str, fault: str) -> None:
    async def scenario() -> None:
        suffered = asyncio.Event()

        async def script(line: Line) -> None:
            if len(there.lines) == 1:
                await misbehave(line, phase, fault, suffered)
                return
            while await line.request():
                await line.send(OK)

        call = LARGE if phase == "sending" else SMALL
        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url, first_byte=0.15, idle=0.15)) as here:
                wanted = expected(phase, fault)
                outcome = await suffer(there, here, call, fault)
                suffered.set()
                assert outcome == wanted
                assert (here.idle, here.in_flight) == (int(wanted is None), 0)
                await until(lambda: wanted is None or there.lines[0].gone.is_set())
                assert await ask(here) == (200, b"ok")
                assert (here.idle, here.in_flight) == (1, 0)

    run(loop, scenario)


@both_loops
@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ("reset", TlsFailed),
        ("eof", TlsFailed),
        ("garbage", TlsFailed),
        ("silence", ConnectTimeout),
        ("trickle", ConnectTimeout),
        ("cancel", asyncio.CancelledError),
    ],
)
@pytest.mark.parametrize("proxied", [False, True], ids=["handshake", "handshake through a proxy"])
def test_faults_of_a_handshake(loop: str, fault: str, wanted: type[BaseException], proxied: bool) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            if proxied:
                await line.reader.readuntil(b"\r\n\r\n")
                await line.send(b"HTTP/1.1 200 OK\r\n\r\n")
            await line.reader.read(10)
            match fault:
                case "reset":
                    line.reset()
                case "garbage":
                    await line.send(GARBAGE)
                case "trickle":
                    await line.send(*[b"\x16\x03\x03\x40\x00", *[b"x"] * 100], every=0.01)
            if fault != "eof":
                await line.until_gone()

        async with peer(script) as there:
            url = f"https://localhost:{there.port}"
            proxy = f"http://127.0.0.1:{there.port}" if proxied else None
            with pool(upstream(url, connect=0.15, proxy=proxy)) as here:
                assert await suffer(there, here, SMALL, fault) == wanted
                await there.all_gone()
                assert (here.idle, here.in_flight) == (0, 0)

    run(loop, scenario)


@both_loops
@pytest.mark.parametrize(("fault", "wanted"), [("silence", ConnectTimeout), ("cancel", asyncio.CancelledError)])
def test_faults_of_a_proxy(loop: str, fault: str, wanted: type[BaseException]) -> None:
    async def scenario() -> None:
        async with peer(Line.until_gone) as there:
            proxy = f"http://127.0.0.1:{there.port}"
            with pool(upstream("https://api.example", connect=0.15, proxy=proxy)) as here:
                assert await suffer(there, here, SMALL, fault) == wanted
                await there.all_gone()
                assert (here.idle, here.in_flight) == (0, 0)

    run(loop, scenario)


@both_loops
@plain_and_tls
@pytest.mark.parametrize(
    ("fault", "wanted"),
    [("silence", FirstByteTimeout), ("garbage", MalformedReply), ("cancel", asyncio.CancelledError)],
)
def test_faults_of_a_reused_connection_are_not_retried(
    loop: str, tls: bool, fault: str, wanted: type[BaseException]
) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(OK)
            await line.request()
            await line.send(GARBAGE if fault == "garbage" else b"")
            await line.until_gone()

        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url, first_byte=0.15)) as here:
                assert await ask(here) == (200, b"ok")
                assert await suffer(there, here, SMALL, fault) == wanted
                await there.all_gone()
                assert len(there.lines) == 1
                assert (here.idle, here.in_flight) == (0, 0)

    run(loop, scenario)


@both_loops
@pytest.mark.parametrize("turns", range(12))
@plain_and_tls
def test_cancelled_after_any_number_of_turns(loop: str, tls: bool, turns: int) -> None:
    """Of the event loop: name lookup, connecting, handshake, sending and waiting are all met."""

    async def scenario() -> None:
        async def script(line: Line) -> None:
            while await line.request():
                await line.send(OK)

        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url)) as here:
                asking = asyncio.create_task(ask(here))
                for _ in range(turns):
                    await asyncio.sleep(0)
                asking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asking
                assert here.in_flight == 0
                assert await ask(here) == (200, b"ok")

    run(loop, scenario)


@both_loops
@plain_and_tls
def test_a_stale_connection_dies_under_a_large_request(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(OK)
            if len(there.lines) == 1:
                await line.reader.read(10)
                line.reset()

        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url)) as here:
                await ask(here)
                assert await ask(here, LARGE) == (200, b"ok")
                assert len(there.lines) == 2

    run(loop, scenario)
