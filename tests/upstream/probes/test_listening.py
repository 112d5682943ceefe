"""Who listens: real sockets of real processes, and tables of /proc that we write ourselves."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lethe.upstream.probes.engines import verified
from lethe.upstream.probes.flags import LLAMACPP
from lethe.upstream.probes.listening import listeners, socket_listeners
from lethe.upstream.probes.verdict import Reason, Unproven

SERVE = """
import socket, sys
family, place = sys.argv[1], sys.argv[2]
listener = socket.socket(getattr(socket, family))
listener.bind(place if family == "AF_UNIX" else (place, 0))
listener.listen()
print(listener.getsockname()[1] if family != "AF_UNIX" else 0, flush=True)
sys.stdin.read()
"""
CLOSED = ("--no-slots", "--no-cache-prompt", "--log-disable", "--cache-ram", "0")


@contextmanager
def engine(family: str, place: str, *flags: str, name: str = "llama-server") -> Iterator[int]:
    """A process called as an engine is, which listens; yields its port."""
    process = subprocess.Popen(
        [name, "-c", SERVE, family, place, *flags],
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"MARK": "of the engine"},
    )
    with process:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said and family == "AF_INET6":
            pytest.skip("this machine has no IPv6")
        yield int(said)
        process.terminate()


@pytest.mark.parametrize(
    ("family", "bound", "asked"),
    [
        ("AF_INET", "127.0.0.1", "127.0.0.1"),
        ("AF_INET", "127.0.0.1", "localhost"),
        ("AF_INET", "0.0.0.0", "127.0.0.1"),
        ("AF_INET", "127.0.0.2", "127.0.0.2"),
        ("AF_INET6", "::1", "::1"),
        ("AF_INET6", "::1", "localhost"),
        ("AF_INET6", "::", "127.0.0.1"),
        ("AF_INET6", "::ffff:127.0.0.1", "127.0.0.1"),
    ],
)
def test_the_process_that_listens(family: str, bound: str, asked: str) -> None:
    with engine(family, bound, *CLOSED) as port:
        (found,) = listeners(asked, port)
    assert found.arguments[0] == "llama-server"
    assert found.arguments[-len(CLOSED) :] == CLOSED
    assert found.environ == {"MARK": "of the engine"}


@pytest.mark.parametrize("asked", ["127.0.0.3", "::1", "10.0.0.1"])
def test_another_address_is_not_that(asked: str) -> None:
    with engine("AF_INET", "127.0.0.1") as port, pytest.raises(Unproven) as caught:
        listeners(asked, port)
    assert caught.value.reason is Reason.NO_LISTENER


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "engine.sock")
    with engine("AF_UNIX", path, *CLOSED):
        (found,) = socket_listeners(path)
        assert found.arguments[-len(CLOSED) :] == CLOSED
        assert verified(f"unix:{path}:/v1", LLAMACPP).holds
        with pytest.raises(Unproven):
            socket_listeners(path + "2")


def test_an_engine_is_verified_by_its_flags() -> None:
    with engine("AF_INET", "127.0.0.1", *CLOSED) as port:
        assert verified(f"http://127.0.0.1:{port}/v1", LLAMACPP).holds
    for flags, name, reason in (
        ((*CLOSED, "--log-file", "x"), "llama-server", Reason.FLAG_OPENS),
        ((), "llama-server", Reason.FLAG_MISSING),
        (CLOSED, "nginx", Reason.OTHER_PROGRAM),
    ):
        with engine("AF_INET", "127.0.0.1", *flags, name=name) as port, pytest.raises(Unproven) as caught:
            verified(f"http://127.0.0.1:{port}/v1", LLAMACPP)
        assert caught.value.reason is reason


def test_a_connection_is_no_listener() -> None:
    """Its local port is the same as that of the socket that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, listener.accept()[0]:
            with pytest.raises(Unproven):
                listeners("127.0.0.1", client.getsockname()[1])


def proc(folder: Path, *inodes: str) -> Path:
    """A /proc with sockets that listen on 127.0.0.1:8080."""
    (folder / "net").mkdir()
    rows = [f"   {n}: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 {inode} 1" for n, inode in enumerate(inodes)]
    (folder / "net" / "tcp").write_text("\n".join(["  sl  local_address", *rows, ""]))
    return folder


def process(folder: Path, pid: int, inode: str, line: bytes | None = b"llama-server\0") -> None:
    descriptors = folder / str(pid) / "fd"
    descriptors.mkdir(parents=True)
    (descriptors / "3").symlink_to(f"socket:[{inode}]")
    if line is not None:
        (folder / str(pid) / "cmdline").write_bytes(line)
    (folder / str(pid) / "environ").write_bytes(b"A=1\0B=x=y\0")


def reason(folder: Path) -> Reason:
    with pytest.raises(Unproven) as caught:
        listeners("127.0.0.1", 8080, folder)
    return caught.value.reason


def test_all_that_share_the_port_are_looked_at(tmp_path: Path) -> None:
    process(proc(tmp_path, "7", "8"), 10, "7")
    process(tmp_path, 11, "8", b"other\0--flag\0")
    process(tmp_path, 12, "8")
    found = listeners("127.0.0.1", 8080, tmp_path)
    assert sorted(each.arguments for each in found) == [("llama-server",), ("llama-server",), ("other", "--flag")]
    assert found[0].environ == {"A": "1", "B": "x=y"}


def test_where_it_prints(tmp_path: Path) -> None:
    process(proc(tmp_path, "7"), 10, "7")
    (tmp_path / "10" / "fd" / "1").symlink_to("/var/log/engine")
    assert listeners("127.0.0.1", 8080, tmp_path)[0].outputs == ("/var/log/engine", "/dev/null")
    (tmp_path / "10" / "fd" / "2").mkdir()
    assert reason(tmp_path) is Reason.UNREADABLE


def test_a_process_that_cannot_be_looked_into_is_not_believed(tmp_path: Path) -> None:
    assert reason(proc(tmp_path, "7", "8")) is Reason.UNREADABLE  # held by nobody that we see
    process(tmp_path, 10, "7")
    assert reason(tmp_path) is Reason.UNREADABLE  # the other one is not
    process(tmp_path, 11, "8", line=None)
    assert reason(tmp_path) is Reason.UNREADABLE
    (tmp_path / "11" / "cmdline").write_bytes(b"")  # a kernel thread, or a zombie
    assert reason(tmp_path) is Reason.UNREADABLE


def test_without_tables_there_is_nobody(tmp_path: Path) -> None:
    assert reason(tmp_path) is Reason.NO_LISTENER
