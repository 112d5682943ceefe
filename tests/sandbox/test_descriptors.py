"""The listening socket and where it says that it is reached."""

import errno
import socket
import subprocess
import sys

import pytest

from lethe.sandbox import descriptors

HOLDS = """
import os, socket
from lethe.sandbox import descriptors
descriptors.hold_standard()
with socket.socket() as taken:
    number = taken.fileno()
os.write({out}, ("%d %s" % (number, [os.readlink("/proc/self/fd/%d" % fd) for fd in (0, 1, 2) if fd != {out}])).encode())
"""


def test_a_free_port_is_picked_and_named() -> None:
    with descriptors.listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert descriptors.url(listener, tls=False) == f"http://127.0.0.1:{port}"
        assert descriptors.url(listener, tls=True) == f"https://127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listener.accept()
            accepted.close()


def test_v6_is_named_in_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with descriptors.listen("::1", 0) as listener:
        assert descriptors.url(listener, tls=False).startswith("http://[::1]:")


def test_a_port_in_use_is_an_error_and_leaves_nothing_open() -> None:
    with descriptors.listen("127.0.0.1", 0) as listener:
        with pytest.raises(OSError, match="in use") as caught:
            descriptors.listen("127.0.0.1", listener.getsockname()[1])
    assert caught.value.errno == errno.EADDRINUSE


def test_a_port_of_the_last_run_can_be_taken_again() -> None:
    with descriptors.listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        caller = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
    accepted.close()  # first: the port lingers
    caller.close()
    descriptors.listen("127.0.0.1", port).close()


def test_no_such_host() -> None:
    with pytest.raises(socket.gaierror):
        descriptors.listen("no such host", 0)


@pytest.mark.parametrize("closed", ["0", "1", "2", "01", "02"])
def test_closed_standard_descriptors_are_held(closed: str) -> None:
    open_one = next(fd for fd in "12" if fd not in closed)
    shut = " ".join(f"{fd}{'<' if fd == '0' else '>'}&-" for fd in closed)
    run = subprocess.run(
        ["sh", "-c", f'exec "$@" {shut}', "sh", sys.executable, "-c", HOLDS.format(out=open_one)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        timeout=20,
    )
    number, places = run.stdout.decode().split(" ", 1)
    assert int(number) > 2
    assert places.count("/dev/null") >= len(closed)
