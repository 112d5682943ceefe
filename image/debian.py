"""Debian packages, fetched and checked by apt itself, unpacked without being installed. Needs no root."""

import hashlib
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from image.contents import Suite

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org"
SNAPSHOT = "http://snapshot.debian.org/archive"
_AUTHORITIES = "./usr/share/ca-certificates/mozilla/"
_LICENCE = re.compile(r"^License: *(\S[^\n]*)$", re.MULTILINE)


class Package(Struct, frozen=True, kw_only=True):
    """One of them, as a file; `licences` are the names in its copyright file, where that is machine-readable."""

    name: str
    version: str
    architecture: str
    source: str
    sha256: str
    file: str
    licences: tuple[str, ...] = ()


def fetch(folder: Path, suite: Suite, names: Sequence[str], architecture: str, snapshot: str | None) -> list[Package]:
    """The newest of each, or those of a day of snapshot.debian.org (20261129T000000Z)."""
    options = _private(folder, suite, architecture, snapshot)
    debs = folder / "debs"
    debs.mkdir()
    for words in (["update"], ["download", *names]):
        subprocess.run(["apt-get", "-qq", *options, *words], check=True, cwd=debs)
    return sorted(map(_described, debs.glob("*.deb")), key=lambda package: package.name)


def unpack(deb: Path, root: Path, kept: Callable[[str], bool]) -> None:
    """What is kept of its files, under `root`."""
    with _opened(deb) as archive:
        for member in archive:
            member.name = member.name.removeprefix("./").rstrip("/")
            if member.name not in ("", ".") and kept(member.name):
                archive.extract(member, root, set_attrs=not member.isdir(), filter="tar")


def authorities(deb: Path) -> str:
    """All authorities of ca-certificates, in the order of their names; not the example in its documentation."""
    found: dict[str, str] = {}
    with _opened(deb) as archive:
        for member in archive:
            if member.name.startswith(_AUTHORITIES) and (held := archive.extractfile(member)):
                found[member.name] = held.read().decode("ascii").strip() + "\n"
    return "".join(found[name] for name in sorted(found))


def licences(copyright: str) -> tuple[str, ...]:
    """The short names of a machine-readable copyright file, each once."""
    if not copyright.startswith("Format:"):
        return ()
    return tuple(sorted({name.strip() for name in _LICENCE.findall(copyright)}))


def _private(folder: Path, suite: Suite, architecture: str, snapshot: str | None) -> list[str]:
    """Options by which apt reads and writes in this folder only, whatever the host is."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    root = MIRROR if snapshot is None else SNAPSHOT
    day = "" if snapshot is None else f"/{snapshot}"
    archives = ((f"debian{day}", suite.name), (f"debian-security{day}", f"{suite.name}-security"))
    lines = (f"deb [signed-by={KEYRING}] {root}/{place} {name} main\n" for place, name in archives)
    (folder / "sources.list").write_text("".join(lines))
    settings = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Architecture": architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Acquire::Check-Valid-Until": "false" if snapshot else "true",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


@contextmanager
def _opened(deb: Path) -> Iterator[tarfile.TarFile]:
    process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
    with process, tarfile.open(fileobj=process.stdout, mode="r|") as archive:
        yield archive
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "dpkg-deb")


def _described(deb: Path) -> Package:
    wanted = ("Package", "Version", "Architecture", "Source")
    output = subprocess.run(["dpkg-deb", "-f", str(deb), *wanted], check=True, capture_output=True, text=True).stdout
    fields = dict(line.split(": ", 1) for line in output.splitlines())
    return Package(
        name=fields["Package"],
        version=fields["Version"],
        architecture=fields["Architecture"],
        source=fields.get("Source", fields["Package"]).split(" ")[0],
        sha256=hashlib.sha256(deb.read_bytes()).hexdigest(),
        file=str(deb),
    )
