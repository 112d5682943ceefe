"""What a worker may ask of the kernel: the table, on both architectures. What really happens is in test_examination."""

import fcntl
import mmap
import os
import socket

import pytest
from tests.sandbox.lockin.machine import verdict

from lethe.sandbox.lockin import seccomp, syscalls
from lethe.sandbox.lockin.bpf import ALLOW, REFUSE, program

PID = 4242
LISTENER = 7
ALL = {**syscalls.HOT, **syscalls.ALLOWED, **syscalls.CONDITIONAL, **syscalls.UNHEARD_OF}
TCP, UDP, ICMP, SCTP, MPTCP = 6, 17, 1, 132, 262
ANYWHERE = -100 & 0xFFFFFFFF  # AT_FDCWD
NEW_USER, THREAD, VM = 0x10000000, 0x00010000, 0x00000100
CASES: list[tuple[str, tuple[int, ...], bool]] = [
    ("read", (), True),
    ("epoll_pwait", (), True),
    ("openat", (ANYWHERE, 1, os.O_RDONLY | os.O_CLOEXEC), True),
    ("openat", (ANYWHERE, 1, os.O_RDONLY | os.O_DIRECTORY), True),
    ("openat", (ANYWHERE, 1, os.O_WRONLY), False),
    ("openat", (ANYWHERE, 1, os.O_RDWR), False),
    ("openat", (ANYWHERE, 1, os.O_RDONLY | os.O_CREAT), False),
    ("openat", (ANYWHERE, 1, os.O_RDONLY | os.O_TRUNC), False),
    ("openat", (ANYWHERE, 1, os.O_RDONLY | os.O_APPEND), False),
    ("openat", (ANYWHERE, 1, os.O_TMPFILE & ~os.O_RDWR), False),
    ("socket", (socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0), True),
    ("socket", (socket.AF_INET6, socket.SOCK_STREAM, TCP), True),
    ("socket", (socket.AF_INET, socket.SOCK_DGRAM, UDP), True),
    ("socket", (socket.AF_INET, socket.SOCK_DGRAM, ICMP), False),
    ("socket", (socket.AF_INET, socket.SOCK_STREAM, MPTCP), False),
    ("socket", (socket.AF_INET, socket.SOCK_STREAM, SCTP), False),
    ("socket", (socket.AF_INET, socket.SOCK_RAW, ICMP), False),
    ("socket", (socket.AF_UNIX, socket.SOCK_STREAM, 0), False),
    ("socket", (socket.AF_NETLINK, socket.SOCK_RAW, 0), False),
    ("socket", (socket.AF_PACKET, socket.SOCK_RAW, 0), False),
    ("socket", (socket.AF_ALG, socket.SOCK_STREAM, 0), False),
    ("socket", (socket.AF_VSOCK, socket.SOCK_STREAM, 0), False),
    ("socketpair", (socket.AF_UNIX, socket.SOCK_STREAM, 0), True),
    ("socketpair", (socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 0), True),
    ("socketpair", (socket.AF_UNIX, socket.SOCK_DGRAM, 0), False),  # sends to /dev/log
    ("socketpair", (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0), False),
    ("socketpair", (socket.AF_INET, socket.SOCK_STREAM, 0), False),
    ("listen", (LISTENER, 4096), True),
    ("listen", (LISTENER + 1, 4096), False),
    ("setsockopt", (3, socket.IPPROTO_TCP, socket.TCP_NODELAY), True),
    ("setsockopt", (3, socket.SOL_SOCKET, socket.SO_KEEPALIVE), True),
    ("setsockopt", (3, socket.IPPROTO_IP, 11), True),  # IP_RECVERR
    ("setsockopt", (3, socket.IPPROTO_TCP, socket.TCP_CONGESTION), False),
    ("setsockopt", (3, socket.IPPROTO_TCP, 31), False),  # TCP_ULP
    ("setsockopt", (3, socket.SOL_SOCKET, 26), False),  # SO_ATTACH_FILTER
    ("setsockopt", (3, socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP), False),
    ("setsockopt", (3, 284, 1), False),  # MPTCP
    ("fcntl", (3, fcntl.F_GETFL), True),
    ("fcntl", (3, fcntl.F_DUPFD_CLOEXEC), True),
    ("fcntl", (3, fcntl.F_SETLK), False),
    ("fcntl", (3, fcntl.F_SETOWN), False),
    ("fcntl", (3, fcntl.F_SETLEASE), False),
    ("sendto", (3, 1, 1, 0), True),
    ("sendto", (3, 1, 1, socket.MSG_NOSIGNAL), True),
    ("sendto", (3, 1, 1, socket.MSG_FASTOPEN), False),
    ("sendmsg", (3, 1, socket.MSG_FASTOPEN), False),
    ("sendmmsg", (3, 1, 1, socket.MSG_FASTOPEN | socket.MSG_NOSIGNAL), False),
    ("clone", (VM | THREAD,), True),
    ("clone", (VM,), False),
    ("clone", (17,), False),
    ("clone", (THREAD | NEW_USER,), False),
    ("kill", (PID, 6), True),
    ("kill", (PID - 1, 6), False),
    ("kill", (-1 & 0xFFFFFFFFFFFFFFFF, 6), False),
    ("tgkill", (PID, PID, 6), True),
    ("tgkill", (1, 1, 6), False),
    ("ioctl", (3, 0x5421), True),
    ("ioctl", (3, 0x5412), False),  # TIOCSTI: types into a terminal
    ("prctl", (3,), True),
    ("prctl", (4, 1), False),  # dumpable again
    ("prctl", (15, 1), False),  # a name, which ps shows
    ("prctl", (22, 2), False),  # a filter that asks another process
    ("prlimit64", (0, 1, 0, 1), True),
    ("prlimit64", (0, 1, 1, 0), False),
    ("prlimit64", (0, 1, 1 << 32, 0), False),
]


@pytest.mark.parametrize("arch", syscalls.ARCHITECTURES)
@pytest.mark.parametrize(("name", "arguments", "allowed"), CASES)
def test_decisions(name: str, arguments: tuple[int, ...], allowed: bool, arch: str) -> None:
    code = program(seccomp.rules(arch, pid=PID, unix=False, listener=LISTENER))
    number = syscalls.numbers(ALL, arch)[name]
    assert verdict(code, syscalls.AUDIT[arch], number, arguments) == (ALLOW if allowed else REFUSE)


@pytest.mark.parametrize("arch", syscalls.ARCHITECTURES)
def test_unix_sockets_where_an_upstream_is_one(arch: str) -> None:
    code = program(seccomp.rules(arch, pid=PID, unix=True))
    number = syscalls.numbers(ALL, arch)["socket"]
    assert verdict(code, syscalls.AUDIT[arch], number, (socket.AF_UNIX, socket.SOCK_STREAM, 0)) == ALLOW
    assert verdict(code, syscalls.AUDIT[arch], number, (socket.AF_NETLINK, socket.SOCK_RAW, 0)) == REFUSE


@pytest.mark.parametrize("arch", syscalls.ARCHITECTURES)
def test_without_a_listener_nothing_listens(arch: str) -> None:
    code = program(seccomp.rules(arch, pid=PID, unix=False))
    number = syscalls.numbers(ALL, arch)["listen"]
    assert {verdict(code, syscalls.AUDIT[arch], number, (fd, 1)) for fd in (0, 3, 7, 0xFFFFFFFF)} == {REFUSE}


def test_every_condition_has_its_call_and_the_other_way_round() -> None:
    assert set(seccomp.conditions(pid=PID, unix=False, listener=None)) == set(syscalls.CONDITIONAL)


def test_a_filter_that_the_kernel_takes() -> None:
    for arch in syscalls.ARCHITECTURES:
        assert len(program(seccomp.rules(arch, pid=PID, unix=True))) <= mmap.PAGESIZE  # BPF_MAXINSNS
