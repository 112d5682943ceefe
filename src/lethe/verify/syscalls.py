"""What the processes asked of the kernel, by strace: files opened for writing, programs run, addresses, bytes sent.

strace writes one file a thread (`-ff`), all strings in hexadecimal (`-xx`), and says of descriptors what they are
(`-yy`). A call that the kernel refused is counted as prevented.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from lethe.verify.hits import hit
from lethe.verify.search import Effort, Search
from lethe.verify.sinks import Hit, Looked, Sink
from lethe.verify.sockets import DNS, Peers

STRINGS = 256 * 1024  # bytes of a buffer that strace writes down
LARGEST = 512 * 1024 * 1024  # bytes of one thread's calls
_OPENS = {
    "open", "openat", "openat2", "creat", "memfd_create", "mknod", "mknodat", "mkdir", "mkdirat", "link", "linkat",
    "symlink", "symlinkat", "rename", "renameat", "renameat2", "truncate", "ftruncate", "fallocate", "setxattr",
    "lsetxattr", "fsetxattr", "mq_open", "shmget", "msgget", "semget", "add_key",
}  # fmt: skip
_SENDS = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg"}
_TELLS = _SENDS | {"connect"}  # bytes or an address
_HIDES = {"sendfile", "splice", "tee", "vmsplice", "copy_file_range", "process_vm_writev", "io_uring_setup"}
_RUNS = {"execve", "execveat", "clone", "clone3", "fork", "vfork"}
_TRACED = ",".join(f"?{name}" for name in sorted(_OPENS | _TELLS | _HIDES | _RUNS))  # "?": not every machine has it
_LINE = re.compile(
    r"(?P<time>\d+\.\d+) (?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|0x[0-9a-f]+|\?)(?P<rest>.*)"
)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_FD = re.compile(r"\d+<(?P<what>(?:->|[^>])*)>")
_TCP = re.compile(r"TCP(?:v6)?:\[(?P<own>[^\]]*?):(?P<own_port>\d+)->(?P<peer>.*?):(?P<peer_port>\d+)\]")
_INET = re.compile(r"sin6?_port=htons\((?P<port>\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )\"(?P<address>[^\"]*)\"")
_POINTER = re.compile(r"\d+(?:<(?:->|[^>])*>)?, 0x")
_UNREADABLE = "strace may not read the memory of locked-in processes: it needs root, or CAP_SYS_PTRACE"
_WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE")
_HEAD, _QUESTION = 12, 300  # bytes of a packet for DNS: before the name, and in all
_THREAD = "CLONE_THREAD"
_GOES_ON = ("EINPROGRESS", "EAGAIN", "EINTR", "EALREADY")


class Call(Struct, frozen=True):
    """One line. `ok` False: the kernel refused, or there was nothing."""

    time: float
    name: str
    arguments: str
    result: str
    rest: str

    @property
    def ok(self) -> bool:
        return not self.result.startswith("-") or any(error in self.rest for error in _GOES_ON)

    @property
    def refused(self) -> bool:
        return any(error in self.rest for error in ("EPERM", "EACCES", "EFBIG", "EROFS"))


def tracer(folder: Path) -> tuple[str, ...] | str:
    """The words to put before a command; or why that cannot be had here."""
    program = shutil.which("strace")
    if program is None:
        return "strace is not installed"
    words = [program, "-D", "-ff", "-xx", "-yy", "-q", "-ttt", "-s", str(STRINGS), "-o", str(folder / "calls")]
    words += ["-e", "signal=none", "-e", f"trace={_TRACED}"]
    try:
        tried = subprocess.run([*words, "true"], capture_output=True, timeout=20, check=False)  # noqa: S603 - strace
    except (OSError, subprocess.TimeoutExpired):
        return "strace cannot be run"
    for made in folder.iterdir():
        made.unlink()
    return tuple(words) if tried.returncode == 0 else "strace may not trace here"


def calls(file: Path, since: float) -> Iterator[Call]:
    """A thread's calls from that moment on (Unix time)."""
    with file.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            match = _LINE.match(line)
            if match is not None and float(match["time"]) >= since:
                yield Call(float(match["time"]), match["name"], match["arguments"], match["result"], match["rest"])


def examine(folder: Path, roles: Mapping[int, str], since: float, peers: Peers, content: Search) -> list[Looked]:
    """All threads' calls. `roles` are processes by number; threads that are not in it belong to one of them.

    What is opened for writing shows in the calls' flags, and so makes up for descriptors that could not be listed.
    """
    scanned = refused = 0
    hits: dict[Hit, None] = {}
    reasons: dict[str, None] = {}
    for file in sorted(folder.glob("calls.*")):
        size = file.stat().st_size
        if size > LARGEST:
            reasons["one thread made more calls than can be read"] = None
            continue
        scanned += size
        role = roles.get(int(file.suffix[1:]), "thread or other process")
        streams: dict[str, bytearray] = {}
        for call in calls(file, since):
            refused += call.refused
            if unreadable(call):
                reasons[_UNREADABLE] = None
            hits.update(dict.fromkeys(judged(call, role, peers, content)))
            if (sent := _sent(call, peers)) is not None:
                streams.setdefault(sent[0], bytearray()).extend(b"".join(sent[1]))
        for what, data in streams.items():
            found = content.pieces(iter([(0, bytes(data))]), Effort.DEEP)
            hits.update(dict.fromkeys(hit(Sink.SYSCALLS, each, f"{role}: sent to {_kind(what)}") for each in found))
    if not scanned:
        reasons["strace has written nothing"] = None
    notes = (f"{refused} calls were refused by the kernel",) if refused else ()
    look = Looked(Sink.SYSCALLS, scanned, tuple(hits), tuple(reasons), notes)
    complete = scanned > 0 and not set(reasons) - {_UNREADABLE}
    return [look, Looked(Sink.OPEN_FILES, covers=True)] if complete else [look]


def unreadable(call: Call) -> bool:
    """Is there an address in place of what was sent, or to whom? So it is where only root may read the memory."""
    return call.ok and call.name in _TELLS and _POINTER.match(call.arguments) is not None


def spoken(folder: Path, workers: Iterable[int], peers: Peers) -> bool:
    """Was a worker seen to send something to an upstream? Otherwise there was nothing to see, or nobody looked."""
    for file in (folder / f"calls.{pid}" for pid in workers):
        if not file.is_file():
            continue
        for call in calls(file, 0.0):
            fd = _FD.match(call.arguments) if call.ok and call.name in _SENDS else None
            if fd is not None and (tcp := _TCP.match(fd["what"])) is not None and _peer(tcp) in peers.upstreams:
                return True
    return False


def judged(call: Call, role: str, peers: Peers, content: Search) -> Iterator[Hit]:
    """What is wrong with a call that the kernel allowed."""
    if not call.ok:
        return
    if call.name in _HIDES:
        yield Hit(Sink.SYSCALLS, f"{call.name}: bytes that cannot be looked at", role)
    elif call.name in _OPENS:
        only_opens = call.name in ("open", "openat", "openat2")
        writes = not only_opens or any(flag in call.arguments for flag in _WRITING)
        if writes and f'"{_hex("/dev/null")}"' not in call.arguments:
            yield Hit(Sink.SYSCALLS, f"{call.name}: a file to write", role)
    elif call.name in _RUNS:
        if call.name.startswith("exec") or (_THREAD not in call.arguments and role == "worker"):
            yield Hit(Sink.SYSCALLS, f"{call.name}: another process", role)
    elif call.name == "connect":
        yield from _connects(call, role, peers)
    else:
        yield from _sends(call, role, peers, content)


def _connects(call: Call, role: str, peers: Peers) -> Iterator[Hit]:
    if "AF_NETLINK" in call.arguments or unreadable(call):
        return
    to = _INET.search(call.arguments)
    if to is None:
        if "AF_UNSPEC" not in call.arguments:
            yield Hit(Sink.SYSCALLS, "connect: to a local socket", role)
        return
    address = bytes.fromhex(to["address"].replace("\\x", "")).decode(errors="replace")
    port = int(to["port"])
    if port != DNS and (address, port) not in peers.upstreams:
        yield Hit(Sink.SYSCALLS, "connect: to neither upstream nor DNS", role)


def _sends(call: Call, role: str, peers: Peers, content: Search) -> Iterator[Hit]:
    """Bytes for callers and upstreams may hold what they like; all others are searched."""
    sent = _sent(call, peers)
    if sent is None:
        return
    what, parts = sent
    for found in content(b"".join(parts)):
        yield hit(Sink.SYSCALLS, found, f"{role}: {call.name} to {_kind(what)}")
    names = {host for host, _ in peers.upstreams}
    if _to_dns(call, what) and not all(_asks_for(part, names) for part in parts):
        yield Hit(Sink.SYSCALLS, f"{call.name}: a question to DNS that is not for an upstream's name", role)
    if any(cut for _, cut in _STRING.findall(call.arguments)):
        yield Hit(Sink.SYSCALLS, f"{call.name}: more than can be looked at", role)


def _sent(call: Call, peers: Peers) -> tuple[str, list[bytes]] | None:
    """To what, and the parts; None where callers and upstreams get them, and where nothing is sent."""
    if not call.ok or call.name not in _SENDS:
        return None
    fd = _FD.match(call.arguments)
    what = fd["what"] if fd is not None else ""
    tcp = _TCP.match(what)
    if tcp is not None and (int(tcp["own_port"]) == peers.own or _peer(tcp) in peers.upstreams):
        return None
    address = _INET.search(call.arguments)
    said = call.arguments if address is None else call.arguments.replace(address["address"], "")
    return what, [bytes.fromhex(text.replace("\\x", "")) for text, _ in _STRING.findall(said)]


def _to_dns(call: Call, what: str) -> bool:
    """By the address of the call, or of what it is connected to."""
    address = _INET.search(call.arguments)
    return what.endswith(f":{DNS}]") or (address is not None and int(address["port"]) == DNS)


def _asks_for(packet: bytes, names: Iterable[str]) -> bool:
    """Is it a question for one of these names, or for one with a search domain behind it?"""
    known = [b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) for name in names]
    return len(packet) <= _QUESTION and any(packet[_HEAD:].lower().startswith(name) for name in known)


def _peer(tcp: "re.Match[str]") -> tuple[str, int]:
    return tcp["peer"].strip("[]").removeprefix("::ffff:"), int(tcp["peer_port"])


def _kind(what: str) -> str:
    """A descriptor in a word; paths are not quoted."""
    word = what.partition(":")[0]
    return word if word.isalnum() else "a file"


def _hex(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())
