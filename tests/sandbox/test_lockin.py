"""A locked-in worker of a real `lethe serve`: it works as before, and the kernel holds it."""

import os
import re
import resource
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from tests.e2e.served import upstream
from tests.sandbox.conftest import Call, Start
from tests.sandbox.rig import (
    BROKER,
    COMMAND,
    PATIENCE,
    WORKER,
    Caller,
    Daemon,
    alive,
    ask,
    cmdline,
    configured,
    eventually,
    metric,
)

from lethe.sandbox.lockin import host
from lethe.upstream.fake import FakeThread, Head, Send, anthropic
from lethe.upstream.fake.said import say
from lethe.upstream.fake.script import Answer, Script

HERE = host.probe()
COMPLETE = HERE.landlock >= 4 and HERE.seccomp
EVENTS = Head(200, (("content-type", "text/event-stream"),))
JSON = ("content-type", "application/json")
# As under gVisor: Landlock's calls are not there. Then it becomes the program given.
WITHOUT_LANDLOCK = (
    sys.executable,
    "-c",
    """
import os, struct, sys
from lethe.sandbox.lockin import bpf, host, kernel, syscalls
arch = host.known_arch()
known = bpf.Filter(arch=syscalls.AUDIT[arch], hot=(), conditional={}, allowed=(), unheard_of=(444, 445, 446), newest=2**30)
code = bpf.program(known)
code[-1] = (6, 0, 0, bpf.ALLOW)
code = bpf.assembled(code)
kernel.prctl(38, 1)
kernel.syscall(syscalls.SECCOMP[arch], 1, 0, struct.pack("HxxxxxxQ", len(code) // 8, kernel.address(code)))
os.execv(sys.argv[1], sys.argv[1:])
""",
    *COMMAND,
)

complete = pytest.mark.skipif(not COMPLETE, reason="this host does not enforce everything")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="looks into processes of others")


def worker_of(lethe: Daemon) -> int:
    assert lethe.url
    (worker,) = lethe.running(WORKER)
    return worker


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@complete
def test_what_linux_says_of_it(start: Start, fake: FakeThread) -> None:
    worker = worker_of(start(configured(fake.url, level="B")))
    said = status(worker)
    assert (said["Seccomp"], said["NoNewPrivs"]) == ("2", "1")
    caught = int(said["SigCgt"], 16)  # faults, of which the kernel's log would tell otherwise
    assert all(caught >> (number - 1) & 1 for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL))
    limits = Path(f"/proc/{worker}/limits").read_text()
    for name in ("Max file size", "Max core file size"):
        (line,) = [line for line in limits.splitlines() if line.startswith(name)]
        assert line.removeprefix(name).split()[:2] == ["0", "0"]


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[FakeThread, Path]]:
    """An upstream at a local name, over TLS, and the file of its authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with FakeThread(tls=context) as server:
        yield server, tmp_path / "ca.pem"


@complete
@pytest.mark.parametrize("level", ["B", "A2"])
def test_streaming_over_tls_from_a_name(secure: tuple[FakeThread, Path], level: str, start: Start, call: Call) -> None:
    server, authority = secure
    server.answer((EVENTS, *map(Send, anthropic.frames(say("one ", "two ")))), anthropic.buffered(say("again")))
    port = server.url.rpartition(":")[2]
    table = upstream("a", "anthropic", f"https://localhost:{port}", f'ca_file = "{authority}"').replace("U6", "U4")
    lethe = start(f'[retention]\nlevel = "{level}"\n{table}')
    caller = call(lethe.url)
    assert b"message_stop" in caller.stream().read()
    code, body = caller.post()
    assert (code, b"again" in body) == (200, True)
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded")
    assert ask(lethe.url)[0] == 200
    os.kill(lethe.running(WORKER)[-1], signal.SIGKILL)
    lethe.until("another one starts")
    assert ask(lethe.url)[0] == 200
    lethe.signal(signal.SIGTERM)
    assert lethe.exit_code() == 0
    assert [each for each in lethe.stderr if ": worker 1: " in each] == []  # no fault


def test_a_unix_socket_upstream(start: Start, tmp_path: Path) -> None:
    """Where one is configured, the filter lets it be reached."""
    place = tmp_path / "engine.sock"
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    program = (
        "import socket, sys\n"
        "server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen(); print('up', flush=True)\n"
        f"peer, _ = server.accept(); peer.recv(65536); peer.sendall({answer!r}); peer.recv(65536)"
    )
    engine = subprocess.Popen([sys.executable, "-c", program, str(place)], stdout=subprocess.PIPE)
    try:
        assert engine.stdout is not None
        assert engine.stdout.readline() == b"up\n"
        with engine.stdout:
            lethe = start(upstream("a", "anthropic", f"unix:{place}"))
            assert ask(lethe.url) == (200, b"{}")
    finally:
        engine.kill()
        engine.wait()


# Hosts that do not enforce it


def test_a_host_without_landlock_is_refused_by_name_and_knob(start: Start, fake: FakeThread) -> None:
    if not HERE.seccomp:
        pytest.skip("no seccomp here to play it with")
    lethe = start(configured(fake.url, level="B"), command=WITHOUT_LANDLOCK)
    assert lethe.exit_code() == 1
    (said,) = lethe.stderr
    why, _, knob = said.partition(" (see lethe check --host); ")
    assert why == "lethe: cannot start: level B needs what this host does not enforce: landlock, landlock-net"
    assert knob == 'what you can accept: retention.accept_unenforced = ["landlock", "landlock-net"]'


@pytest.mark.parametrize("level", ["B", "C"])
def test_a_host_without_landlock_that_is_accepted(level: str, start: Start, fake: FakeThread) -> None:
    if not HERE.seccomp:
        pytest.skip("no seccomp here to play it with")
    config = configured(fake.url, level=level)
    if level == "B":
        config = config.replace("[retention]", '[retention]\naccept_unenforced = ["landlock", "landlock-net"]')
    lethe = start(config, command=WITHOUT_LANDLOCK)
    assert ask(lethe.url)[0] == 200


def test_a_reload_to_what_cannot_be_enforced_changes_nothing(start: Start, fake: FakeThread) -> None:
    if not HERE.seccomp:
        pytest.skip("no seccomp here to play it with")
    lethe = start(configured(fake.url), command=WITHOUT_LANDLOCK)
    worker = worker_of(lethe)
    route = '[[routes]]\nmodel = "other"\nto = ["a"]\nlevel = "A2"\n'
    lethe.config.write_text(configured(fake.url, more=route))
    lethe.until("not reloaded: level A2 needs what this host does not enforce: landlock")
    assert ask(lethe.url)[0] == 200
    eventually(lambda: lethe.running(WORKER) == [worker], "only the old worker runs")
    assert metric(lethe.url, "lethe_reload_failures_total") == 1


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_AUDIT"])
def test_foreign_code_in_the_supervisor(name: str, start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url), environ={name: "libm.so.6"})
    assert lethe.exit_code() == 1
    assert lethe.stderr[-1] == f"lethe serve: {name} put foreign code into this process: start it without"


# Crashes and other processes


@pytest.fixture
def cores() -> Iterator[None]:
    """Cores are wanted, and land where a process runs."""
    if Path("/proc/sys/kernel/core_pattern").read_text().strip() not in {"core", "core.%p"}:
        pytest.skip("cores go elsewhere here")
    before = resource.getrlimit(resource.RLIMIT_CORE)
    if before[1] != resource.RLIM_INFINITY:
        pytest.skip("cores are limited here")
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_crash_leaves_no_core(number: signal.Signals, cores: None, start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    assert ask(lethe.url)[0] == 200
    os.kill(worker_of(lethe), number)
    lethe.until(f"was ended by {number.name}; another one starts")
    assert ask(lethe.url)[0] == 200
    assert [path.name for path in lethe.config.parent.iterdir()] == ["lethe.toml"]
    crashing = subprocess.Popen([sys.executable, "-c", "import os; os.abort()"], cwd=lethe.config.parent)
    crashing.wait(PATIENCE)
    assert [path for path in lethe.config.parent.iterdir() if path.name.startswith("core")]  # cores do land here


@pytest.mark.parametrize("module", [None, BROKER])
def test_who_holds_secrets_leaves_no_core_either(
    module: str | None, cores: None, start: Start, fake: FakeThread
) -> None:
    lethe = start(configured(fake.url))
    assert lethe.url
    pid = lethe.pid if module is None else lethe.running(module)[0]
    assert int(Path(f"/proc/{pid}/coredump_filter").read_text(), 16) == 0
    assert re.search(r"Max core file size +1 ", Path(f"/proc/{pid}/limits").read_text())  # keeps collectors away
    os.kill(pid, signal.SIGABRT)
    eventually(lambda: not alive(pid), "the end of the process")
    assert [path.name for path in lethe.config.parent.iterdir()] == ["lethe.toml"]


# Nothing but what was asked for


def test_redirects_are_handed_on_and_cookies_forgotten(start: Start, fake: FakeThread, call: Call) -> None:
    with FakeThread() as elsewhere:
        moved = Head(307, (("location", elsewhere.url + "/v1/messages"), ("content-length", "2"), JSON))
        cookie = Head(200, (("set-cookie", "canary=51; Path=/"), ("content-length", "2"), JSON))
        fake.answer((moved, Send(b"{}")), (cookie, Send(b"{}")), (cookie, Send(b"{}")))
        caller = call(start(configured(fake.url)).url)
        assert caller.post()[0] in {307, 502}
        assert [caller.post()[0] for _ in range(2)] == [200, 200]
        assert elsewhere.requests == []
    assert [request.header("cookie") for request in fake.requests] == [None] * 3


class Trace(threading.Thread):
    """What strace says of a process, by lines."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        calls = "%file,%desc,%network,%process"
        self._strace = subprocess.Popen(
            ["strace", "-f", "-y", "-e", f"trace={calls}", "-p", str(pid)],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self.start()
        eventually(lambda: any("attached" in line for line in self.lines), "strace is attached")

    def run(self) -> None:
        assert self._strace.stderr is not None
        with self._strace.stderr as lines:
            for line in lines:
                self.lines.append(line)

    def end(self) -> None:
        self._strace.send_signal(signal.SIGINT)
        self._strace.wait()
        self.join()

    def calls(self, *names: str) -> list[str]:
        """Lines of these calls, without a process id in front."""
        bare = [line.split("] ", 1)[-1] for line in self.lines]
        return [line for line in bare if line.startswith(tuple(f"{name}(" for name in names))]


@contextmanager
def traced(pid: int) -> Iterator[Trace]:
    trace = Trace(pid)
    try:
        yield trace
    finally:
        trace.end()


@as_root
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
@pytest.mark.parametrize("level", ["B", "C"])
def test_what_it_asks_of_the_kernel_for_requests(level: str, start: Start, fake: FakeThread, call: Call) -> None:
    """Not a byte goes anywhere but to the caller and the upstream; at C one event a request, to the supervisor."""
    lethe = start(configured(fake.url, level=level))
    worker = worker_of(lethe)
    warm(lethe.url, fake)
    streamed: Script = (EVENTS, *map(Send, anthropic.frames(say("one ", "two "))))
    answers: list[Answer] = [anthropic.buffered(say("x" * 99)), streamed]
    fake.answer(*answers * 3)
    caller = call(lethe.url)
    caller.get("/health")
    with traced(worker) as trace:
        for n in range(6):
            if n % 2:
                caller.stream().read()
            else:
                assert caller.post()[0] == 200
        time.sleep(0.2)
    assert (
        trace.calls("open", "openat", "openat2", "execve", "execveat", "fork", "vfork", "clone", "memfd_create") == []
    )
    port = fake.url.rpartition(":")[2]
    assert all(f"htons({port})" in line for line in trace.calls("connect"))
    sent = trace.calls("write", "writev", "sendto", "sendmsg", "pwrite64", "sendfile")
    assert len(sent) >= 12  # each request and its answer, at least
    targets = [line.partition("(")[2].partition(">")[0].partition("<") for line in sent]
    assert {place.partition(":")[0] for _, _, place in targets} <= {"socket", "anon_inode"}  # the loop wakes itself
    channel = cmdline(worker)[-2]
    assert any(fd == channel for fd, _, _ in targets) is (level == "C")  # where events leave, some at a time


def warm(url: str, fake: FakeThread) -> None:
    """What is imported or opened once, is by now."""
    fake.answer(anthropic.buffered(say("warm")), (EVENTS, *map(Send, anthropic.frames(say("warm ", "er ")))))
    one = Caller(url)
    try:
        assert one.post()[0] == 200
        one.stream().read()
    finally:
        one.close()
