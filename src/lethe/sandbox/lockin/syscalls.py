"""System calls by name, with their numbers on x86_64 and aarch64; None where an architecture does not have one.

Numbers: Linux 6.1 headers, asm/unistd_64.h and asm-generic/unistd.h.
"""

from collections.abc import Mapping

Numbers = tuple[int | None, int | None]

ARCHITECTURES: tuple[str, ...] = ("x86_64", "aarch64")  # the order of the numbers
AUDIT: Mapping[str, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
NEWEST = 449  # numbers are the same everywhere from 424 on; later calls are not judged here

# What a busy worker calls, the most frequent first.
HOT: Mapping[str, Numbers] = {
    "read": (0, 63),
    "write": (1, 64),
    "epoll_pwait": (281, 22),
    "epoll_wait": (232, None),
    "recvfrom": (45, 207),
    "writev": (20, 66),
    "recvmsg": (47, 212),
    "futex": (202, 98),
    "epoll_ctl": (233, 21),
    "accept4": (288, 242),
    "close": (3, 57),
    "readv": (19, 65),
}

# Always harmless: nothing here changes a file, reaches another process or opens a way out.
ALLOWED: Mapping[str, Numbers] = {
    "accept": (43, 202),
    "connect": (42, 203),
    "shutdown": (48, 210),
    "getsockname": (51, 204),
    "getpeername": (52, 205),
    "getsockopt": (55, 209),
    "recvmmsg": (299, 243),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_pwait2": (441, 441),
    "epoll_create": (213, None),
    "epoll_create1": (291, 20),
    "eventfd2": (290, 19),
    "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86),
    "timerfd_gettime": (287, 87),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "brk": (12, 214),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "lseek": (8, 62),
    "pread64": (17, 67),
    "preadv": (295, 69),
    "fadvise64": (221, 223),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "close_range": (436, 436),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137),
    "rt_sigsuspend": (130, 133),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "pause": (34, None),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getitimer": (36, 102),
    "setitimer": (38, 103),
    "alarm": (37, None),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getresuid": (118, 148),
    "getresgid": (120, 150),
    "getgroups": (115, 158),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getpgrp": (111, None),
    "getpgid": (121, 155),
    "getsid": (124, 156),
    "getrlimit": (97, 163),
    "getrusage": (98, 165),
    "getpriority": (140, 141),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "getcpu": (309, 168),
    "getrandom": (318, 278),
    "capget": (125, 90),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "set_tid_address": (218, 96),
    "set_robust_list": (273, 99),
    "get_robust_list": (274, 100),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "arch_prctl": (158, None),
    "wait4": (61, 260),
    "waitid": (247, 95),
    "exit": (60, 93),
    "exit_group": (231, 94),
}

# Allowed with conditions on their arguments (`seccomp.rules`).
CONDITIONAL: Mapping[str, Numbers] = {
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "open": (2, None),
    "openat": (257, 56),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "listen": (50, 201),
    "setsockopt": (54, 208),
    "fcntl": (72, 25),
    "clone": (56, 220),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "ioctl": (16, 29),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
}

# As on a kernel that does not have them, so that callers fall back to what can be judged by its arguments.
UNHEARD_OF: Mapping[str, Numbers] = {
    "clone3": (435, 435),
    "openat2": (437, 437),
    "io_uring_setup": (425, 425),
    "futex_waitv": (449, 449),
}

# What locking in itself calls.
SECCOMP: Mapping[str, int] = {"x86_64": 317, "aarch64": 277}
LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446


def numbers(table: Mapping[str, Numbers], arch: str) -> dict[str, int]:
    """A table's calls that this architecture has."""
    column = ARCHITECTURES.index(arch)
    return {name: number for name, each in table.items() if (number := each[column]) is not None}
