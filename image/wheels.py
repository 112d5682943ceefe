"""Python packages: those of a lock, by their hashes, and Lethe itself from a commit; compiled by the image's Python."""

import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from image.contents import PYTHON, SITE

PLATFORMS = ("manylinux_2_17", "manylinux2014", "manylinux_2_28", "manylinux_2_34")  # what Debian 13 can run
_SOURCES = ("src", "pyproject.toml", "README.md", "LICENSE")


class Wheel(Struct, frozen=True, kw_only=True):
    """One of them; `licence` is an SPDX expression or a name."""

    name: str
    version: str
    sha256: str
    licence: str


def install(lock: Path, root: Path, folder: Path, machine: str) -> list[Wheel]:
    """All of the lock, for the image's Python, which need not be the host's."""
    report = folder / "report.json"
    platforms = [word for name in PLATFORMS for word in ("--platform", f"{name}_{machine}")]
    _pip(
        "install", "--target", str(root / SITE), "--no-compile", "--no-deps", "--require-hashes",
        "--only-binary", ":all:", "--implementation", "cp", "--python-version", PYTHON, *platforms,
        "--no-warn-script-location", "--report", str(report), "-r", str(lock),
    )  # fmt: skip
    installed = msgspec.json.decode(report.read_bytes())["install"]
    return sorted(map(_described, installed), key=lambda wheel: wheel.name)


def checkout(repository: Path, commit: str, folder: Path) -> Path:
    """The files of the commit that make the package and its lock; nothing of the working tree."""
    tree = folder / "tree"
    archive = folder / "tree.tar"
    with archive.open("wb") as file:
        git = _git(repository, "archive", commit, *_SOURCES, "requirements")
        subprocess.run(git, check=True, stdout=file)
    with tarfile.open(archive) as packed:
        packed.extractall(tree, filter="data")
    return tree


def install_lethe(tree: Path, root: Path, folder: Path) -> None:
    """Lethe, built without the network."""
    built = folder / "wheels"
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(built), str(tree))
    [wheel] = built.glob("*.whl")
    target = ("--target", str(root / SITE), "--no-compile", "--no-deps", "--no-index")
    _pip("install", *target, "--python-version", PYTHON, "--only-binary", ":all:", str(wheel))


def compile_all(root: Path, triplet: str, folders: Sequence[str]) -> None:
    """Byte code beside every source, by the Python of the image itself: it runs where it was unpacked.

    It must write no byte code of its own accord (-B): that would have the time and the place of this build in it.
    Unchecked: nothing is compared with the source at a start, and nobody can write there. The hash seed orders sets.
    """
    library = root / "usr/lib" / triplet
    [loader] = library.glob("ld-linux*.so.*")
    command = [
        str(loader), "--library-path", str(library), str(root / f"usr/bin/python{PYTHON}"), "-s", "-P", "-S", "-B",
        "-m", "compileall", "-q", "-f", "-j", "1", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/",
        *(str(root / path) for path in folders),
    ]  # fmt: skip
    environ = {"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}
    subprocess.run(command, check=True, env=environ, cwd=root)


def revision(repository: Path, commit: str) -> tuple[str, int]:
    """Its full id, and its time in seconds."""
    output = subprocess.run(
        _git(repository, "show", "-s", "--format=%H %ct", f"{commit}^{{commit}}"),
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    full, seconds = output.split()
    return full, int(seconds)


def _git(repository: Path, *words: str) -> list[str]:
    return ["git", "-c", f"safe.directory={repository}", "-C", str(repository), *words]


def _pip(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words], check=True)


def _described(item: dict[str, dict[str, object]]) -> Wheel:
    metadata = item["metadata"]
    archive = msgspec.convert(item["download_info"]["archive_info"], dict[str, object])
    licence = str(metadata.get("license_expression") or metadata.get("license") or "").strip()
    return Wheel(
        name=str(metadata["name"]),
        version=str(metadata["version"]),
        sha256=msgspec.convert(archive["hashes"], dict[str, str])["sha256"],
        licence=licence.splitlines()[0] if licence else "",
    )
