"""What a run has left behind, and where each canary was seen."""

from collections import defaultdict
from pathlib import Path

from tests.leaks.house import MARK, House, Reply
from tests.leaks.search import canaries, digests, hashed
from tests.memory.scan import search


class After:
    """`seen`: the upstreams that got a canary. `left`: places where none belongs. `strays`: others' requests and replies."""

    def __init__(self, house: House) -> None:
        self.seen: defaultdict[str, set[str]] = defaultdict(set)
        self.left: defaultdict[str, set[str]] = defaultdict(set)
        self.strays: defaultdict[str, list[str]] = defaultdict(list)
        for name, fake in house.fakes.items():
            for request in fake.requests:
                found = canaries(repr((request.target, request.headers)).encode() + request.body)
                for canary in found:
                    self.seen[canary].add(name)
                    if len(found - {house.provider_key}) > 1:
                        self.strays[canary].append(f"a request to {name} with another one")
        for shot, reply in house.replies:
            for canary in canaries(reply.everything) - {shot.canary}:
                self.strays[canary].append(f"the answer to {shot.case.id} {shot.id}")
        known = {start: canary for canary, bodies in house.said.items() for start in hashed(canary, bodies)}
        for place, content in places(house).items():
            for canary in canaries(content) | digests(content, known):
                self.left[canary].add(place)
        self.memory = remembered(house)
        for place, content in (self.memory or {}).items():
            for canary in canaries(content):
                self.left[canary].add(place)


def places(house: House) -> dict[str, bytes]:
    """Everything that the server has put anywhere but into an answer or a request to its upstream."""
    found = {
        "stdout": "\n".join(house.served.stdout).encode(),
        "stderr": "\n".join(house.served.stderr).encode(),
        **{path: reply.everything for path, reply in pages(house).items()},
    }
    for file in house.folder.rglob("*"):
        if file.is_file():
            found[str(file)] = file.read_bytes()
    for process in processes(house):
        for name in ("cmdline", "environ"):
            found[f"{name} of {process.name}"] = (process / name).read_bytes().replace(house.provider_key.encode(), b"")
    return found


def remembered(house: House) -> dict[str, bytes] | None:
    """What is found in the memory of its processes, the provider's key aside; None where nobody may look there."""
    key, found = house.provider_key.encode(), dict[str, bytes]()
    try:
        for process in processes(house):
            hits = (hit.around for hit in search(int(process.name), MARK))
            found[f"memory of {process.name}"] = b"\n".join(hits).replace(key, b"")
    except PermissionError:
        return None
    return found


def pages(house: House) -> dict[str, Reply]:
    """What anybody may look at."""
    return {path: house.get(path) for path in ("/metrics", "/health", "/ready", "/", "/.well-known/lethe/posture")}


def processes(house: House) -> list[Path]:
    """The server's and its children's places in /proc."""
    pid = house.served.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{each}") for each in (str(pid), *children)]
