"""What strace writes, line by line, and what is wrong with it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lethe.verify.canary import Mint
from lethe.verify.hits import merged
from lethe.verify.search import Search
from lethe.verify.sinks import Looked, Sink, Verdict
from lethe.verify.sockets import Peers
from lethe.verify.syscalls import Call, calls, examine, judged, spoken, tracer

PEERS = Peers(3456, frozenset({("127.0.0.1", 8001), ("lethe-verify.invalid", 80)}))
MINT = Mint(lambda size: b"\x11" * size)
CANARY = MINT.new("system", "case").text
FIND = Search(MINT)


def x(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def q(name: str) -> str:
    """A packet with a question."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return "".join(f"\\x{byte:02x}" for byte in b"\x24\xf1\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1")


def told(line: str, role: str = "worker") -> list[tuple[str, str]]:
    """What is found in one line of a call that ended well unless it says otherwise."""
    name, _, rest = line.partition("(")
    arguments, _, result = rest.rpartition(") = ")
    value, _, more = result.partition(" ")
    return [(hit.what, hit.position) for hit in judged(Call(0.0, name, arguments, value, more), role, PEERS, FIND)]


OPENED = [("openat: a file to write", "")]
RIGHT: dict[str, str] = {
    "reading": f'openat(AT_FDCWD, "{x("/etc/hosts")}", O_RDONLY|O_CLOEXEC) = 5</etc/hosts>',
    "writing refused": f'openat(AT_FDCWD, "{x("/tmp/a")}", O_WRONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)',
    "dev null": f'openat(AT_FDCWD, "{x("/dev/null")}", O_RDWR|O_CLOEXEC) = 5</dev/null>',
    "to an upstream": (
        f"connect(8<TCP:[1]>, {{sa_family=AF_INET, sin_port=htons(8001), "
        f'sin_addr=inet_addr("{x("127.0.0.1")}")}}, 16) = -1 EINPROGRESS (Operation now in progress)'
    ),
    "to DNS": (
        f'connect(8<UDP:[1]>, {{sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("{x("10.1.1.1")}")}}, 16) = 0'
    ),
    "elsewhere refused": (
        f'connect(8, {{sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("{x("10.1.1.1")}")}}, 16)'
        " = -1 EACCES (Permission denied)"
    ),
    "a question to DNS": (
        f'sendmmsg(8<UDP:[10.1.1.2:4000->10.1.1.1:53]>, [{{iov_base="{q("lethe-verify.invalid")}", iov_len=38}}, '
        f'{{iov_base="{q("lethe-verify.INVALID.example")}", iov_len=38}}], 2, MSG_NOSIGNAL) = 2'
    ),
    "netlink": "connect(8<NETLINK:[1]>, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 0",
    "content to a caller": f'write(9<TCP:[127.0.0.1:3456->127.0.0.1:50000]>, "{x(CANARY)}", 35) = 35',
    "content to an upstream": f'sendto(9<TCP:[127.0.0.1:41000->127.0.0.1:8001]>, "{x(CANARY)}", 35, 0, NULL, 0) = 35',
    "other words to a pipe": f'write(2<pipe:[77]>, "{x("worker 1: KeyError at app.py:3")}", 30) = 30',
    "a thread": "clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD|CLONE_SIGHAND, stack=0x7f}, 88) = 77",
    "exec refused": f'execve("{x("/bin/sh")}", ["{x("sh")}"], 0x7ffd /* 3 vars */) = -1 EPERM (Operation not permitted)',
}
ASKED = "a question to DNS that is not for an upstream's name"
WRONG: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "another name asked for": (
        f'sendto(8<UDP:[10.1.1.2:4000->10.1.1.1:53]>, "{q("words.example")}", 30, 0, NULL, 0) = 30',
        [(f"sendto: {ASKED}", "")],
    ),
    "another name asked for, unconnected": (
        f'sendto(8<UDP:[1]>, "{q("words.example")}", 30, 0, {{sin_port=htons(53), sin_addr=inet_addr("{x("::1")}")}}) = 30',
        [(f"sendto: {ASKED}", "")],
    ),
    "another name behind a good one": (
        f'sendmmsg(8<UDP:[1.1.1.2:4->1.1.1.1:53]>, ["{q("lethe-verify.invalid")}", "{q("words.example")}"], 2, 0) = 2',
        [(f"sendmmsg: {ASKED}", "")],
    ),
    "a folder": (f'mkdir("{x("/tmp/a")}", 0777) = 0', [("mkdir: a file to write", "")]),
    "an attribute": (
        f'setxattr("{x("/tmp/a")}", "{x("user.a")}", "{x("b")}", 1, 0) = 0',
        [("setxattr: a file to write", "")],
    ),
    "shared memory": ("shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600) = 3", [("shmget: a file to write", "")]),
    "without a buffer": (
        "sendfile(8<TCP:[127.0.0.1:3456->127.0.0.1:50000]>, 5</tmp/a>, NULL, 100) = 100",
        [("sendfile: bytes that cannot be looked at", "")],
    ),
    "writing": (f'openat(AT_FDCWD, "{x("/tmp/a")}", O_WRONLY|O_CREAT, 0666) = 5</tmp/a>', OPENED),
    "both": (f'openat(AT_FDCWD, "{x("/tmp/a")}", O_RDWR) = 5</tmp/a>', OPENED),
    "nameless": (f'openat(AT_FDCWD, "{x("/tmp")}", O_RDWR|O_TMPFILE, 0600) = 5</tmp/#1 (deleted)>', OPENED),
    "memfd": (f'memfd_create("{x("a")}", MFD_CLOEXEC) = 5', [("memfd_create: a file to write", "")]),
    "rename": (f'rename("{x("a")}", "{x("b")}") = 0', [("rename: a file to write", "")]),
    "exec": (
        f'execve("{x("/bin/sh")}", ["{x("sh")}"], 0x7ffd /* 3 vars */) = 0',
        [("execve: another process", "")],
    ),
    "fork": (
        "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f) = 7",
        [("clone: another process", "")],
    ),
    "elsewhere": (
        f'connect(8<TCP:[1]>, {{sa_family=AF_INET, sin_port=htons(8002), sin_addr=inet_addr("{x("127.0.0.1")}")}}, 16) = 0',
        [("connect: to neither upstream nor DNS", "")],
    ),
    "elsewhere, version 6": (
        f'connect(8, {{sin6_port=htons(443), inet_pton(AF_INET6, "{x("2001:db8::1")}", &sin6_addr)}}, 28) = 0',
        [("connect: to neither upstream nor DNS", "")],
    ),
    "syslog": (
        f'connect(8<UNIX-DGRAM:[1]>, {{sa_family=AF_UNIX, sun_path="{x("/dev/log")}"}}, 110) = 0',
        [("connect: to a local socket", "")],
    ),
    "content to a pipe": (f'write(2<pipe:[77]>, "{x("it says " + CANARY)}", 43) = 43', [("raw", "system")]),
    "content to a file": (f'pwrite64(5</tmp/a>, "{x(CANARY)}", 35, 0) = 35', [("raw", "system")]),
    "content elsewhere": (
        f'sendto(9<TCP:[127.0.0.1:41000->127.0.0.1:8009]>, "{x(CANARY)}", 35, 0, NULL, 0) = 35',
        [("raw", "system")],
    ),
    "content in pieces": (
        f'writev(2<pipe:[77]>, [{{iov_base="{x("a")}", iov_len=1}}, {{iov_base="{x(CANARY)}", iov_len=35}}], 2) = 36',
        [("raw", "system")],
    ),
    "content in hex": (f'write(2<pipe:[77]>, "{x(CANARY.encode().hex())}", 70) = 70', [("hex", "system")]),
    "more than was written down": (
        f'write(2<pipe:[77]>, "{x("a")}"..., 999999) = 999999',
        [("write: more than can be looked at", "")],
    ),
}


@pytest.mark.parametrize("line", RIGHT.values(), ids=RIGHT)
def test_these_are_right(line: str) -> None:
    assert told(line) == []


@pytest.mark.parametrize(("line", "wrong"), WRONG.values(), ids=WRONG)
def test_these_are_wrong(line: str, wrong: Sequence[tuple[str, str]]) -> None:
    assert told(line) == wrong


def test_the_supervisor_may_start_processes_but_not_run_others_in_its_place() -> None:
    assert told("vfork() = 77", role="supervisor") == []
    assert told("vfork() = 77") == [("vfork: another process", "")]


def test_what_is_written_a_few_letters_at_a_time_is_found(tmp_path: Path) -> None:
    pieces = (CANARY[n : n + 4] for n in range(0, len(CANARY), 4))
    lines = [f'{n}.0 write(2<pipe:[77]>, "{x(piece)}", 4) = 4' for n, piece in enumerate(pieces)]
    (tmp_path / "calls.7").write_text("\n".join(lines) + "\n")
    [look, *_] = examine(tmp_path, {7: "worker"}, 0.0, PEERS, FIND)
    assert [(hit.what, hit.where, hit.position) for hit in look.hits] == [("raw", "worker: sent to pipe", "system")]


def test_only_calls_from_the_moment_on_count(tmp_path: Path) -> None:
    line = f'{{time}} openat(AT_FDCWD, "{x("/tmp/a")}", O_WRONLY|O_CREAT, 0666) = 5</tmp/a>\n'
    file = tmp_path / "calls.7"
    file.write_text(line.format(time="100.5") + "100.6 +++ exited with 0 +++\n" + line.format(time="101.5"))
    assert [call.time for call in calls(file, 101.0)] == [101.5]
    look, _ = examine(tmp_path, {7: "worker"}, 101.0, PEERS, FIND)
    assert [(hit.what, hit.where) for hit in look.hits] == [("openat: a file to write", "worker")]
    assert look.scanned == file.stat().st_size


def test_nothing_written_is_no_pass(tmp_path: Path) -> None:
    (look,) = examine(tmp_path, {}, 0.0, PEERS, FIND)
    assert look.reasons == ("strace has written nothing",)


SPOKEN = [
    ('sendto(9<TCP:[127.0.0.1:41000->127.0.0.1:8001]>, "", 0, 0, NULL, 0) = 35', True),
    ('write(9<TCP:[127.0.0.1:3456->127.0.0.1:50000]>, "", 35) = 35', False),
    ('sendto(9<TCP:[127.0.0.1:41000->127.0.0.1:8001]>, "", 0, 0, NULL, 0) = -1 EPIPE (Broken pipe)', False),
    ('write(1<pipe:[77]>, "", 30) = 30', False),
]


@pytest.mark.parametrize(("line", "seen"), SPOKEN)
def test_a_worker_that_speaks_to_an_upstream_is_seen(tmp_path: Path, line: str, seen: bool) -> None:
    (tmp_path / "calls.7").write_text(f"100.5 {line}\n")
    assert spoken(tmp_path, [6, 7], PEERS) is seen
    assert not spoken(tmp_path, [6], PEERS)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_real_program_is_caught(tmp_path: Path) -> None:
    words = tracer(tmp_path)
    assert isinstance(words, tuple), words
    (tmp_path / "where").mkdir()
    program = f"import os; os.write(1, b'{CANARY}'); open('where/a', 'w').write('x')"
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([*words, sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, check=True)
    look, _ = examine(tmp_path, {}, 0.0, PEERS, FIND)
    assert ("raw", "system") in [(hit.what, hit.position) for hit in look.hits]
    assert "openat: a file to write" in [hit.what for hit in look.hits]


@pytest.mark.parametrize(
    "line",
    [
        "write(2, 0x7ffd1234, 35) = 35",
        "connect(8<TCP:[1]>, 0x7ffd1234, 16) = -1 EINPROGRESS (Operation now in progress)",
        "sendmsg(9<TCP:[127.0.0.1:41000->127.0.0.1:8001]>, 0x7ffd1234, 0) = 35",
    ],
)
def test_what_strace_could_not_read_is_no_pass(tmp_path: Path, line: str) -> None:
    (tmp_path / "calls.7").write_text(f"100.5 {line}\n")
    look, opens = examine(tmp_path, {7: "worker"}, 0.0, PEERS, FIND)
    assert (look.verdict, look.hits) == (Verdict.INCONCLUSIVE, ())
    blind = Looked(Sink.OPEN_FILES, reasons=("descriptors cannot be listed",))
    assert merged([blind, opens])[Sink.OPEN_FILES].verdict is Verdict.CLEAN  # flags can be read all the same
    assert merged([blind])[Sink.OPEN_FILES].verdict is Verdict.INCONCLUSIVE


def test_where_there_is_no_strace_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tracer(tmp_path) == "strace is not installed"
