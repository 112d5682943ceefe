"""Acts that a locked-in process must not manage, and some that it must: proof by trying.

Each is harmless where it is not refused: it touches a folder of its own, or asks with arguments that lead nowhere.
"""

import errno
import fcntl
import mmap
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from lethe.retention.enforcement import Mechanism
from lethe.sandbox.lockin import host, kernel, limits, syscalls
from lethe.sandbox.lockin.syscalls import Numbers

REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.EFBIG, errno.ENOSYS})
_NOBODY = 2**22 + 1  # a process id that Linux never gives
_TOP = (Mechanism.SECCOMP,)
_FILES = (Mechanism.SECCOMP, Mechanism.LANDLOCK)
_EMPTYING = _TOP  # which Landlock refuses since its version 3 only; nothing is left by it
# Calls that are tried by their numbers, beside those of `syscalls.UNHEARD_OF`.
NUMBERS: Mapping[str, Numbers] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "execveat": (322, 281),
    "memfd_secret": (447, 447),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "init_module": (175, 105),
    "kexec_load": (246, 104),
    "shmget": (29, 194),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "fanotify_init": (300, 262),
    "inotify_init1": (294, 26),
    "splice": (275, 76),
    "sendfile": (40, 71),
}
_FUTURE = 1023  # of a call that no kernel has yet


class Ground(Struct, frozen=True):
    """Where it is tried: a folder with a file `there`, a port that is allowed and one that is not, all made before."""

    folder: str
    port: int
    other_port: int
    other_process: int


class Act(Struct, frozen=True):
    """`by`: the mechanisms of which each is enough to refuse it; none: it has to work."""

    name: str
    by: tuple[Mechanism, ...]
    run: Callable[[Ground], object]


class Result(Struct, frozen=True):
    """`error` is the name of the error number, such as EPERM; None when it worked."""

    name: str
    by: tuple[Mechanism, ...]
    error: str | None

    @property
    def refused(self) -> bool:
        return self.error is not None and getattr(errno, self.error, None) in REFUSALS


def attempt(act: Act, ground: Ground) -> Result:
    """Try it."""
    try:
        act.run(ground)
    except OSError as error:
        return Result(act.name, act.by, errno.errorcode.get(error.errno or 0, "unknown"))
    except ValueError:  # how Python words a limit that may not be raised
        return Result(act.name, act.by, "EPERM")
    return Result(act.name, act.by, None)


def _call(name: str, *arguments: int | bytes | None) -> Act:
    """A system call with arguments that lead nowhere."""

    def run(_: Ground) -> None:
        arch = host.known_arch()
        number = syscalls.numbers({**NUMBERS, **syscalls.UNHEARD_OF}, arch).get(name) if arch else None
        if number is None:
            raise OSError(errno.ENOSYS, "no such call here")
        kernel.syscall(number, *arguments)

    return Act(name, _TOP, run)


def _open(name: str, flags: int, file: str = "there", by: tuple[Mechanism, ...] = _FILES) -> Act:
    def run(ground: Ground) -> None:
        os.close(os.open(Path(ground.folder, file), flags, 0o600))

    return Act(name, by, run)


def _socket(name: str, family: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> Act:
    return Act(name, _TOP, lambda _: socket.socket(family, kind, protocol).close())


def _connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def _bind(kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as trial:
        trial.bind(("127.0.0.1", 0))


def _listen(_: Ground) -> None:
    """Without a port: the kernel chooses one, and Landlock is not asked."""
    with socket.socket() as trial:
        trial.listen()


def _option(_: Ground) -> None:
    """One that takes a name, for which the kernel would look for a module."""
    with socket.socket() as trial:
        trial.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")


def _name_socket(ground: Ground) -> None:
    """A name is a file, or else it shows in /proc/net/unix."""
    one, other = socket.socketpair()
    with one, other:
        one.bind(str(Path(ground.folder, "socket")))


def _lock_file(ground: Ground) -> None:
    """Which part of it is locked shows in /proc/locks."""
    with Path(ground.folder, "there").open("rb") as file:
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 1)


def _fast_open(ground: Ground) -> None:
    """A connection that Landlock does not see made."""
    with socket.socket() as trial:
        trial.sendto(b"", socket.MSG_FASTOPEN, ("127.0.0.1", ground.port))


def _spawn(_: Ground) -> None:
    os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "--version"], {}, file_actions=_SILENT), 0)


_SILENT = ((os.POSIX_SPAWN_DUP2, 2, 1),)


def _fork(_: Ground) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _write(descriptor: int) -> None:
    """Into a file that was opened for writing before."""
    os.write(descriptor, b"x")


def _memory(ground: Ground) -> None:
    os.close(os.open(f"/proc/{ground.other_process}/mem", os.O_RDWR))


def _thread(_: Ground) -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def _pair(kind: int) -> None:
    for end in socket.socketpair(socket.AF_UNIX, kind):
        end.close()


def _share(ground: Ground) -> None:
    with Path(ground.folder, "there").open("r+b") as file, mmap.mmap(file.fileno(), 1) as shared:
        shared[0] = 120


def acts(descriptor: int) -> tuple[Act, ...]:
    """All of them; `descriptor` is a file that was opened for writing before the process was locked in."""
    return (
        Act("write to a file that is open", (Mechanism.FSIZE,), lambda _: _write(descriptor)),
        Act("map a file for writing", _FILES, _share),
        _open("open a file for writing", os.O_WRONLY),
        _open("open a file for appending", os.O_WRONLY | os.O_APPEND),
        _open("create a file", os.O_RDWR | os.O_CREAT, "new"),
        _open("make a nameless file", os.O_RDWR | os.O_TMPFILE, "."),
        _open("truncate a file by opening it", os.O_RDONLY | os.O_TRUNC, by=_EMPTYING),
        Act("truncate a file", _EMPTYING, lambda g: os.truncate(Path(g.folder, "there"), 0)),
        Act("make a folder", _FILES, lambda g: Path(g.folder, "folder").mkdir()),
        Act("make a symbolic link", _FILES, lambda g: Path(g.folder, "link").symlink_to("text")),
        Act("make a hard link", _FILES, lambda g: Path(g.folder, "hard").hardlink_to(Path(g.folder, "there"))),
        Act("make a fifo", _FILES, lambda g: os.mkfifo(Path(g.folder, "fifo"))),
        Act("rename a file", _FILES, lambda g: Path(g.folder, "there").rename(Path(g.folder, "there"))),
        Act("remove a file", _FILES, lambda g: Path(g.folder, "removable").unlink()),
        Act("change a file's mode", _TOP, lambda g: Path(g.folder, "there").chmod(0o600)),
        Act("change a file's times", _TOP, lambda g: os.utime(Path(g.folder, "there"))),
        Act("set an extended attribute", _TOP, lambda g: os.setxattr(Path(g.folder, "there"), "user.x", b"x")),
        Act("make a memory file", _TOP, lambda _: os.close(os.memfd_create("trial"))),
        Act("run a program", _FILES, _spawn),
        Act("become another program", _TOP, lambda _: os.execv("/nowhere/at/all", ["x"])),  # noqa: S606
        Act("fork", _TOP, _fork),
        Act("signal another process", _TOP, lambda g: os.kill(g.other_process, 0)),
        Act("open another process's memory", _FILES, _memory),
        Act("raise a limit", _TOP, lambda _: resource.setrlimit(resource.RLIMIT_CPU, resource.getrlimit(0))),
        Act("become dumpable again", _TOP, lambda _: kernel.prctl(limits.SET_DUMPABLE, 1)),
        Act("connect to a port that is not configured", (Mechanism.LANDLOCK_NET,), lambda g: _connect(g.other_port)),
        Act("bind a TCP port", (Mechanism.SECCOMP, Mechanism.LANDLOCK_NET), lambda _: _bind(socket.SOCK_STREAM)),
        Act("bind a UDP port", _TOP, lambda _: _bind(socket.SOCK_DGRAM)),
        Act("listen on any port", _TOP, _listen),
        Act("make a pair of sockets for datagrams", _TOP, lambda _: _pair(socket.SOCK_DGRAM)),  # could reach a log's
        Act("name a socket", _FILES, _name_socket),
        Act("set an option of a socket by name", _TOP, _option),
        Act("lock a part of a file", _TOP, _lock_file),
        Act("connect by TCP fast open", _TOP, _fast_open),
        _socket("open a unix socket", socket.AF_UNIX),
        _socket("open a netlink socket", socket.AF_NETLINK, socket.SOCK_RAW),
        _socket("open a packet socket", socket.AF_PACKET, socket.SOCK_RAW),
        _socket("open a raw socket", socket.AF_INET, socket.SOCK_RAW, 1),
        _socket("open a multipath socket", socket.AF_INET, socket.SOCK_STREAM, 262),
        *_CALLS,
        Act("connect to a configured port", (), lambda g: _connect(g.port)),
        Act("resolve a name", (), lambda _: socket.getaddrinfo("localhost", 80)),
        Act("read a file", (), lambda g: Path(g.folder, "there").read_bytes()),
        Act("start a thread", (), _thread),
        Act("make a pair of sockets", (), lambda _: _pair(socket.SOCK_STREAM)),
    )


_CALLS: tuple[Act, ...] = (
    _call("ptrace", 16, _NOBODY, 0, 0),
    _call("process_vm_readv", _NOBODY, None, 0, None, 0, 0),
    _call("process_vm_writev", _NOBODY, None, 0, None, 0, 0),
    _call("pidfd_open", _NOBODY, 0),
    _call("pidfd_getfd", -1, 0, 0),
    _call("execveat", -1, b"x", None, None, 0),
    _call("io_uring_setup", 1, None),
    _call("memfd_secret", 0),
    _call("userfaultfd", 1),
    _call("perf_event_open", None, _NOBODY, -1, -1, 0),
    _call("bpf", 0, None, 0),
    _call("keyctl", 6, _NOBODY),
    _call("add_key", None, None, None, 0, 0),
    _call("mount", None, None, None, 0, None),
    _call("unshare", 0),
    _call("setns", -1, 0),
    _call("open_by_handle_at", -1, None, 0),
    _call("name_to_handle_at", -1, None, None, None, 0),
    _call("init_module", None, 0, None),
    _call("kexec_load", 0, 0, None, -1),
    _call("shmget", 0, 0, 0),
    _call("mq_open", None, 0, 0, None),
    _call("msgget", 1, 0),
    _call("fanotify_init", -1, -1),
    _call("inotify_init1", -1),
    _call("splice", -1, None, -1, None, 0, 0),
    _call("sendfile", -1, -1, None, 0),
    _call("openat2", -1, None, None, 0),
    _call("clone3", None, 0),
    Act("a call of the future", _TOP, lambda _: kernel.syscall(_FUTURE)),
)
