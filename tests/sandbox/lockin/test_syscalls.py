"""The tables of numbers, against the headers where this machine has them."""

import re
from pathlib import Path

import pytest

from lethe.sandbox.lockin import attempts, syscalls

TABLES = {
    "hot": syscalls.HOT,
    "allowed": syscalls.ALLOWED,
    "conditional": syscalls.CONDITIONAL,
    "unheard of": syscalls.UNHEARD_OF,
}
ALL = {name: numbers for table in TABLES.values() for name, numbers in table.items()}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
ALIKE = {"newfstatat": "fstatat"}  # as the generic header calls it


@pytest.mark.parametrize("arch", syscalls.ARCHITECTURES)
def test_numbers_are_those_of_the_headers(arch: str) -> None:
    if not HEADERS[arch].exists():
        pytest.skip("no headers here")
    text = HEADERS[arch].read_text()
    true = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    ours = {**syscalls.numbers({**ALL, **attempts.NUMBERS}, arch), "seccomp": syscalls.SECCOMP[arch]}
    assert {name: true.get(name, true.get(ALIKE.get(name, ""))) for name in ours} == ours


@pytest.mark.parametrize("arch", syscalls.ARCHITECTURES)
def test_each_call_is_in_one_table_with_a_number_of_its_own(arch: str) -> None:
    assert len(ALL) == sum(len(table) for table in TABLES.values())
    numbers = syscalls.numbers(ALL, arch)
    assert len(set(numbers.values())) == len(numbers)
    assert all(number <= syscalls.NEWEST for number in numbers.values())


@pytest.mark.parametrize(
    "name",
    [
        *("execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "memfd_create", "memfd_secret"),
        *("io_uring_enter", "io_uring_register", "mount", "bpf", "perf_event_open", "userfaultfd", "kexec_load"),
        *("keyctl", "add_key", "init_module", "open_by_handle_at", "name_to_handle_at", "pidfd_getfd", "setns"),
        *(
            "unshare",
            "chmod",
            "fchmod",
            "rename",
            "unlink",
            "mkdir",
            "link",
            "symlink",
            "truncate",
            "ftruncate",
            "mknod",
        ),
        *(
            "setxattr",
            "utimensat",
            "pwrite64",
            "sendfile",
            "splice",
            "copy_file_range",
            "setrlimit",
            "seccomp",
            "tkill",
        ),
        *("fork", "vfork", "shmget", "msgget", "mq_open", "setuid", "chdir", "syslog", "quotactl", "capset", "bind"),
    ],
)
def test_what_is_never_allowed(name: str) -> None:
    assert name not in {**syscalls.HOT, **syscalls.ALLOWED, **syscalls.CONDITIONAL}
