"""The system calls that a worker keeps. An allow-list: what Linux learns tomorrow is refused today."""

import struct
from collections.abc import Mapping
from socket import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
)

from lethe.retention.enforcement import State
from lethe.sandbox.lockin import kernel, syscalls
from lethe.sandbox.lockin.bpf import Condition, Filter, assembled, program

_SET_MODE_FILTER = 1
_TSYNC, _SPEC_ALLOW = 1, 4
# Kernels before 5.16 slow down a filtered process against Spectre unless told not to; a worker runs no foreign code.
_FLAGS = (_TSYNC | _SPEC_ALLOW, _TSYNC, 0)

# O_WRONLY | O_RDWR, O_CREAT, O_TRUNC, O_APPEND and the bit of O_TMPFILE that is not O_DIRECTORY: alike on both
_OPEN_FOR_CHANGE = 0o3 | 0o100 | 0o1000 | 0o2000 | 0o20000000
_CLONE_THREAD = 0x00010000
_CLONE_NEW = 0x7E020080  # every namespace
_MSG_FASTOPEN = 0x20000000  # a connect that Landlock does not see
_IOCTLS = (0x5421, 0x5451, 0x5450, 0x541B, 0x5401)  # FIONBIO FIOCLEX FIONCLEX FIONREAD TCGETS
_FCNTLS = (0, 1, 2, 3, 4, 1030)  # F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_DUPFD_CLOEXEC; locks show in /proc/locks
# TCP_NODELAY, TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT, SO_KEEPALIVE, IP_RECVERR, IPV6_RECVERR (the resolver's). Others
# take names, for which the kernel may start modprobe, or make another protocol of a TCP socket.
_OPTIONS = (1, 4, 5, 6, 9, 11, 25)
_LEVELS = (IPPROTO_IP, SOL_SOCKET, IPPROTO_TCP, IPPROTO_IPV6)
_PRCTLS = (3, 21, 39)  # PR_GET_DUMPABLE PR_GET_SECCOMP PR_GET_NO_NEW_PRIVS
_TYPE = 0xF  # of a socket, without its flags


def conditions(*, pid: int, unix: bool, listener: int | None) -> Mapping[str, tuple[Condition, ...]]:
    """What must hold of a call's arguments.

    `unix`: may it open unix sockets, for an upstream that has one? `listener` is the socket on which it may listen.
    """
    families = (AF_INET, AF_INET6, AF_UNIX) if unix else (AF_INET, AF_INET6)
    transports = (
        Condition(0, tuple(map(int, families))),
        Condition(1, (SOCK_STREAM, SOCK_DGRAM), mask=_TYPE),
        Condition(2, (0, IPPROTO_TCP, IPPROTO_UDP)),  # others, MPTCP and SCTP, get past Landlock
    )
    return {
        "sendto": (Condition(3, (0,), mask=_MSG_FASTOPEN),),
        "sendmsg": (Condition(2, (0,), mask=_MSG_FASTOPEN),),
        "sendmmsg": (Condition(3, (0,), mask=_MSG_FASTOPEN),),
        "open": (Condition(1, (0,), mask=_OPEN_FOR_CHANGE),),
        "openat": (Condition(2, (0,), mask=_OPEN_FOR_CHANGE),),
        "socket": transports,
        # Event loops want one. Of datagrams, it could be connected anew, to the system's log.
        "socketpair": (Condition(0, (int(AF_UNIX),)), Condition(1, (SOCK_STREAM,), mask=_TYPE)),
        "listen": (Condition(0, () if listener is None else (listener,)),),  # another socket would get a port by it
        "setsockopt": (Condition(1, _LEVELS), Condition(2, _OPTIONS)),
        "fcntl": (Condition(1, _FCNTLS),),
        "clone": (Condition(0, (_CLONE_THREAD,), mask=_CLONE_THREAD | _CLONE_NEW),),
        "kill": (Condition(0, (pid,)),),
        "tgkill": (Condition(0, (pid,)),),
        "ioctl": (Condition(1, _IOCTLS),),
        "prctl": (Condition(0, _PRCTLS),),
        "prlimit64": (Condition(2, (0,)), Condition(2, (0,), upper=True)),  # reads limits, sets none
    }


def rules(arch: str, *, pid: int, unix: bool, listener: int | None = None) -> Filter:
    """The filter for an architecture that `syscalls` knows."""
    known = syscalls.numbers(syscalls.CONDITIONAL, arch)
    demanded = conditions(pid=pid, unix=unix, listener=listener)
    return Filter(
        arch=syscalls.AUDIT[arch],
        hot=tuple(syscalls.numbers(syscalls.HOT, arch).values()),
        conditional={number: demanded[name] for name, number in known.items()},
        allowed=tuple(syscalls.numbers(syscalls.ALLOWED, arch).values()),
        unheard_of=tuple(syscalls.numbers(syscalls.UNHEARD_OF, arch).values()),
        newest=syscalls.NEWEST,
    )


def install(arch: str, *, pid: int, unix: bool, listener: int | None) -> State:
    """Filter this process and every thread that it will have. Needs no new privileges to be set."""
    code = assembled(program(rules(arch, pid=pid, unix=unix, listener=listener)))
    filter_program = struct.pack("HxxxxxxQ", len(code) // 8, kernel.address(code))
    state = State.ABSENT
    for flags in _FLAGS:
        try:
            kernel.syscall(syscalls.SECCOMP[arch], _SET_MODE_FILTER, flags, filter_program)
        except OSError as error:
            state = State.ABSENT if error.errno in kernel.UNKNOWN else State.REFUSED
        else:
            return State.ENFORCED
    return state
