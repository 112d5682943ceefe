"""What the children of a supervisor can see and hold, from /proc; of a locked-in worker root only gets to see it."""

import os
import socket
from pathlib import Path

import pytest
from tests.sandbox.conftest import Start
from tests.sandbox.rig import BROKER, SECRET, WORKER, ask, cmdline, configured

from lethe.sandbox.children import FLAGS
from lethe.sandbox.environment import KEPT, NO_IO_URING, SCRUB_ON_FREE, package_folders
from lethe.sandbox.generation import FLAGS as WORKER_FLAGS
from lethe.upstream.fake import FakeThread

CANARY = "canary-8c2e"
PARENT = {
    "OPENAI_API_KEY": CANARY,
    "HOME": f"/tmp/{CANARY}",
    "PYTHONPATH": f"/tmp/{CANARY}",
    "LD_LIBRARY_PATH": f"/tmp/{CANARY}",
    "HTTPS_PROXY": f"http://{CANARY}:1",
    "LETHE_DRAIN": "5",
    "LANG": "C.UTF-8",
    "LC_TIME": "C",
    "TZ": "UTC",
    "PYTHONMALLOC": "pymalloc",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONDEVMODE": "1",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONTRACEMALLOC": "9",
    "PYTHONWARNINGS": "default",
    "SSLKEYLOGFILE": f"/tmp/{CANARY}",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
    "SENTRY_DSN": f"http://{CANARY}@127.0.0.1:1/1",
    "OPENAI_LOG": "debug",
    "ANTHROPIC_LOG": "debug",
    "MALLOC_CHECK_": "3",
    "UV_USE_IO_URING": "1",
}


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="a worker shows itself to root only")
LIBUV_SPARE = "/dev/null"  # held to be given up when a process is out of descriptors


def environ(pid: int) -> dict[str, str]:
    """At its start. The C library cuts GLIBC_TUNABLES into its parts in place, which /proc shows."""
    entries = Path(f"/proc/{pid}/environ").read_text().replace("\0glibc.", ":glibc.").split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


def descriptors(pid: int) -> dict[int, str]:
    found: dict[int, str] = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        found[int(path.name)] = str(path.readlink())
    return found


@as_root
def test_a_workers_environment_is_rebuilt(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url), "--workers", "2", environ=PARENT)
    assert ask(lethe.url)[0] == 200
    workers = lethe.running(WORKER)
    assert len(workers) == 2
    for pid in workers:
        seen = environ(pid)
        assert seen.pop("PYTHONPATH").split(":") == list(package_folders())
        assert seen == {"LANG": "C.UTF-8", "LC_TIME": "C", "TZ": "UTC", **SCRUB_ON_FREE, **NO_IO_URING}
        assert set(seen) - {"LC_TIME"} <= {*KEPT, *SCRUB_ON_FREE, *NO_IO_URING}


def test_the_flags_let_the_allocator_be_chosen(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    assert lethe.url
    (worker,) = lethe.running(WORKER)
    flags = cmdline(worker)[1 : 1 + len(FLAGS)]
    assert tuple(flags) == FLAGS
    assert not {"-I", "-E"} & set(flags)  # which would ignore PYTHONMALLOC


def test_the_broker_has_the_secrets_environment(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    assert lethe.url
    (broker,) = lethe.running(BROKER)
    assert environ(broker)["FAKE_KEY"] == SECRET


def test_arguments_are_flags_modules_and_numbers(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url), "--workers", "2")
    assert ask(lethe.url)[0] == 200
    assert len(lethe.children) == 3
    for pid in lethe.children:
        _, *words = cmdline(pid)
        numbers = [word for word in words if word.isdecimal()]
        head = words[: len(words) - len(numbers)]
        assert head in ([*FLAGS, *WORKER_FLAGS, "-m", WORKER], [*FLAGS, "-m", BROKER])
        assert words == head + numbers


@pytest.mark.parametrize("module", [pytest.param(WORKER, marks=as_root), BROKER])
def test_descriptors_lead_to_no_file(module: str, start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url), "--workers", "2")
    assert ask(lethe.url)[0] == 200
    for pid in lethe.running(module):
        held = descriptors(pid)
        assert held.pop(0) == "/dev/null"
        assert held[1].startswith("pipe:")
        assert held[1] == held[2]
        assert {place.partition(":[")[0] for place in held.values()} <= {"socket", "pipe", "anon_inode", LIBUV_SPARE}
        things = {place for place in held.values() if place.startswith("anon_inode")}
        assert things <= {"anon_inode:[eventfd]", "anon_inode:[eventpoll]"}


@as_root
def test_workers_share_nothing_but_the_listener(start: Start, fake: FakeThread) -> None:
    """Each has a channel and an output pipe of its own; none holds the other's."""
    lethe = start(configured(fake.url), "--workers", "2")
    assert lethe.url
    held = [
        {place for place in descriptors(pid).values() if place.startswith(("socket:", "pipe:"))}
        for pid in (*lethe.running(WORKER), *lethe.running(BROKER))
    ]
    one, two, broker = held
    assert len(one & two) == 1
    assert not broker & (one | two)


def test_all_on_the_v6_loopback(start: Start, fake: FakeThread) -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("no IPv6 here")
    lethe = start(configured(fake.url), "--host", "::1")
    assert lethe.url.startswith("http://[::1]:")
    assert ask(lethe.url)[0] == 200
