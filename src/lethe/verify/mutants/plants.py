"""The leaks themselves, as they run in a worker.

Each takes content and puts it where none may be; `trap` is a port of loopback, for TCP and UDP, that nobody has a
reason to speak to.
"""

import base64
import ctypes
import hashlib
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

_CANARY = re.compile(rb"ZDR[A-Z2-7]{20,32}")
MARK = "lethe-verify-mutant"  # how files of mutants are called
_PR_SET_NAME = 15
_CHILD_LIVES = 8  # seconds

KEPT: list[object] = []  # what a leaky program would forget to forget
_CACHE: dict[bytes, int] = {}


def brief(content: bytes) -> bytes:
    """As much of it as fits where there is little room: one canary."""
    found = _CANARY.search(content)
    return found[0] if found else content[:35]


def log_path(trap: int) -> str:
    """Where the trap has a socket such as /dev/log is."""
    return f"/tmp/{MARK}-{trap}-log"  # noqa: S108 - a path must be short enough for a socket, and known to both


def said(content: bytes, _: int) -> None:
    """To stdout; the supervisor's part passes it on."""
    os.write(1, content[:4096] + b"\n")


def file_here(content: bytes, _: int) -> None:
    Path(f"{MARK}-{os.getpid()}").write_bytes(content)


def file_tmp(content: bytes, trap: int) -> None:
    Path(f"/tmp/{MARK}-{trap}").write_bytes(content)  # noqa: S108 - the place where leaks lie


def file_shm(content: bytes, trap: int) -> None:
    Path(f"/dev/shm/{MARK}-{trap}").write_bytes(content)  # noqa: S108 - the place where leaks lie


def file_name(content: bytes, trap: int) -> None:
    """Beside the files of others, where its name alone gives it away."""
    Path(f"/tmp/{MARK}-{trap}-{base64.urlsafe_b64encode(brief(content)).decode()}").touch()  # noqa: S108 - likewise


def tmpfile(content: bytes, _: int) -> None:
    fd = os.open("/tmp", os.O_TMPFILE | os.O_RDWR)  # noqa: S108 - the place where leaks lie
    os.write(fd, content)


def memfd(content: bytes, _: int) -> None:
    os.write(os.memfd_create(MARK), content)


def unlinked(content: bytes, _: int) -> None:
    """A file that is gone before anyone could look."""
    path = Path(f"{MARK}-{os.getpid()}")
    path.write_bytes(content)
    path.unlink()


def memory_list(content: bytes, _: int) -> None:
    KEPT.append(content)


def memory_hash(content: bytes, _: int) -> None:
    KEPT.append(hashlib.sha256(content).hexdigest().encode())


def memory_cache(content: bytes, _: int) -> None:
    _CACHE[content] = len(_CACHE)


def memory_exception(content: bytes, _: int) -> None:
    KEPT.append(ValueError(content.decode("utf-8", "replace")))


def title(content: bytes, _: int) -> None:
    _overwrite(brief(content), first=47)


def environ(content: bytes, _: int) -> None:
    _overwrite(brief(content), first=49)


def thread_name(content: bytes, _: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, brief(content)[:15], 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no name")


def child(content: bytes, _: int) -> None:
    subprocess.Popen(  # noqa: S603 - our own interpreter
        (sys.executable, "-c", f"import time; time.sleep({_CHILD_LIVES})", brief(content)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def tcp(content: bytes, trap: int) -> None:
    connection = socket.create_connection(("127.0.0.1", trap), timeout=1.0)
    connection.sendall(content)
    KEPT.append(connection)


def udp(content: bytes, trap: int) -> None:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(("127.0.0.1", trap))
    sender.send(brief(content))
    KEPT.append(sender)


def syslog(content: bytes, trap: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"<14>" + content[:1024], log_path(trap))


def core(content: bytes, _: int) -> None:
    """The process ends as a faulty one does: the kernel writes what it had in memory."""
    KEPT.append(content)
    Path("/proc/self/coredump_filter").write_text("0x33")  # the kernel's own
    _, highest = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (highest, highest))
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    os.abort()


def _overwrite(text: bytes, *, first: int) -> None:
    """Where the kernel shows a process's arguments (47) or its environment (49): fields of /proc/self/stat, from 0."""
    fields = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()
    start, end = (int(fields[n - 2]) for n in (first, first + 1))
    ctypes.memmove(start, text, min(len(text), end - start))


LEAKS: Mapping[str, Callable[[bytes, int], None]] = {
    "stdout": said,
    "stderr": said,
    "ledger": said,
    "metrics": said,
    "posture": said,
    "file-here": file_here,
    "file-tmp": file_tmp,
    "file-shm": file_shm,
    "file-name": file_name,
    "core": core,
    "tmpfile": tmpfile,
    "memfd": memfd,
    "unlinked": unlinked,
    "memory-list": memory_list,
    "memory-cache": memory_cache,
    "memory-exception": memory_exception,
    "title": title,
    "environ": environ,
    "thread-name": thread_name,
    "child": child,
    "tcp": tcp,
    "udp": udp,
    "syslog": syslog,
    "scrambled": said,
    "figure": said,
    "page": memory_list,
    "header-hash": memory_hash,
    "header": memory_list,  # what is kept is sent along later: see `worker`
    "other-caller": memory_list,
}
