"""What `make image` writes: the same every time, small, and said in full."""

import io
import json
import re
import struct
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.image.house import ROOT, Podman, build

from image import contents
from image.layout import digest

pytestmark = pytest.mark.slow
MOST = 90_000_000  # bytes of all files
_DYNAMIC, _STRTAB, _NEEDED = 2, 5, 1  # PT_DYNAMIC, DT_STRTAB, DT_NEEDED (elf.h)


@pytest.fixture(scope="module")
def blobs(built: Path) -> Mapping[str, bytes]:
    """By their digests, and `index.json`."""
    with tarfile.open(built / "lethe.oci.tar") as archive:
        return {member.name.rpartition("/")[2]: _read(archive, member) for member in archive}


@pytest.fixture(scope="module")
def manifest(built: Path, blobs: Mapping[str, bytes]) -> Any:
    return json.loads(blobs[(built / "lethe.digest").read_text().strip().removeprefix("sha256:")])


@pytest.fixture(scope="module")
def files(blobs: Mapping[str, bytes], manifest: Any) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Everything in the image, by path."""
    found = {}
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(blobs[layer["digest"].removeprefix("sha256:")])) as archive:
            found.update({member.name: (member, _read(archive, member)) for member in archive})
    return found


def test_a_second_build_has_the_same_digest(built: Path, revision: str, tmp_path: Path) -> None:
    build(tmp_path, revision, TZ="Asia/Tokyo", LANG="de_DE.UTF-8", PYTHONHASHSEED="7", TMPDIR=str(tmp_path))
    for name in ("lethe.digest", "lethe.oci.tar", "lethe.cdx.json", "lethe.provenance.json"):
        assert (tmp_path / name).read_bytes() == (built / name).read_bytes(), name


def test_blobs_are_what_their_names_say(blobs: Mapping[str, bytes]) -> None:
    named = {name: data for name, data in blobs.items() if re.fullmatch("[0-9a-f]{64}", name)}
    assert len(named) == 4
    assert all(digest(data) == f"sha256:{name}" for name, data in named.items())


def test_it_is_small(files: Mapping[str, tuple[tarfile.TarInfo, bytes]], manifest: Any) -> None:
    size = sum(member.size for member, _ in files.values())
    pulled = sum(layer["size"] for layer in manifest["layers"])
    print(f"{size / 1e6:.1f} MB of files, {pulled / 1e6:.1f} MB to pull")
    assert size < MOST


def test_every_library_that_something_needs_is_there(files: Mapping[str, tuple[tarfile.TarInfo, bytes]]) -> None:
    there = {Path(name).name for name in files}
    needed = {name: set(_needed(data)) for name, (_, data) in files.items() if data[:4] == b"\x7fELF"}
    assert len(needed) > 40
    assert {name: missing for name, libraries in needed.items() if (missing := libraries - there)} == {}


def test_nobody_but_root_owns_or_may_write(files: Mapping[str, tuple[tarfile.TarInfo, bytes]]) -> None:
    assert {(member.uid, member.gid) for member, _ in files.values()} == {(0, 0)}
    writable = {name for name, (member, _) in files.items() if not member.issym() and member.mode & 0o022}
    assert writable == {"tmp", "var/tmp"}
    assert [name for name, (member, _) in files.items() if member.mode & 0o6000] == []


def test_programs_are_python_its_loader_and_lethe(files: Mapping[str, tuple[tarfile.TarInfo, bytes]]) -> None:
    commands = {name for name in files if re.match(r"(usr/)?(local/)?s?bin/.", name)}
    assert commands == {contents.COMMAND, f"usr/bin/python{contents.PYTHON}"}


def test_every_source_has_its_byte_code(files: Mapping[str, tuple[tarfile.TarInfo, bytes]]) -> None:
    compiled = f".cpython-{contents.PYTHON.replace('.', '')}.pyc"
    sources = [Path(name) for name in files if name.endswith(".py")]
    assert len(sources) > 500
    missing = [path for path in sources if str(path.parent / "__pycache__" / (path.stem + compiled)) not in files]
    assert missing == []
    flags = {struct.unpack("<I", data[4:8])[0] for name, (_, data) in files.items() if name.endswith(".pyc")}
    assert flags == {0b01}  # by hash, unchecked (PEP 552)


def test_the_bill_of_materials_is_valid_and_names_all(built: Path, files: Mapping[str, Any], revision: str) -> None:
    text = (built / "lethe.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    named = {component["name"]: component for component in bill["components"]}
    assert set(contents.PACKAGES) <= set(named)
    installed = {match[1] for name in files if (match := re.search(r"/([^/]+)-[^/-]+\.dist-info/METADATA$", name))}
    assert {name.lower().replace("_", "-") for name in installed} <= set(named)
    locked = (ROOT / "requirements" / "runtime.txt").read_text()
    for component in bill["components"]:
        if component["type"] == "library" and component["name"] != "lethe-proxy":
            assert component["licenses"], component["name"]
            [hashed] = component["hashes"]
            assert component["purl"].startswith("pkg:deb/") or hashed["content"] in locked
    assert bill["metadata"]["component"]["hashes"][0]["content"] == (built / "lethe.digest").read_text().strip()[7:]
    assert named["lethe-proxy"]["properties"] == [{"name": "lethe:commit", "value": revision}]


def test_the_provenance_names_commit_materials_and_digest(built: Path, revision: str) -> None:
    statement = json.loads((built / "lethe.provenance.json").read_text())
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": "lethe", "digest": {"sha256": (built / "lethe.digest").read_text()[7:-1]}}]
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["commit"] == revision
    materials = definition["resolvedDependencies"]
    bill = json.loads((built / "lethe.cdx.json").read_text())["components"]
    uris = {component.get("purl") for component in bill if component.get("hashes")}
    assert {material.get("uri") for material in materials[1:]} == uris
    assert materials[0] == {"name": "lethe", "digest": {"gitCommit": revision}}


AUTHORITIES = f"""
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_default_certs()
counted = open("/{contents.AUTHORITIES}").read().count("BEGIN CERTIFICATE")
print(counted > 100 and len(context.get_ca_certs()) == counted)
"""


def test_authorities_are_found_and_all_are_read(podman: Podman, image: str) -> None:
    done = podman.run(image, "-c", AUTHORITIES, options=("--entrypoint", f"/usr/bin/python{contents.PYTHON}"))
    assert done.stdout == "True\n", done.stderr


EVERY_MODULE = """
import importlib, pkgutil, lethe
optional = {"botocore", "google", "azure", "requests", "redis", "bpe_openai", "xllamacpp", "aiohttp", "cloudflare"}
for module in pkgutil.walk_packages(lethe.__path__, "lethe."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as missing:
        if missing.name.split(".")[0] not in optional:
            print(module.name, missing.name)
"""


def test_every_module_of_lethe_can_be_imported(podman: Podman, image: str) -> None:
    done = podman.run(image, "-c", EVERY_MODULE, options=("--entrypoint", f"/usr/bin/python{contents.PYTHON}"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    held = archive.extractfile(member) if member.isreg() else None
    return held.read() if held else b""


def _needed(elf: bytes) -> Iterator[str]:
    """The libraries in its dynamic section; both architectures are little-endian with 64 bits."""
    table, size, count = *struct.unpack_from("<Q", elf, 32), *struct.unpack_from("<HH", elf, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", elf, table + n * size) for n in range(count)]
    entries: list[tuple[int, int]] = []
    for kind, _, offset, _, _, length, _, _ in segments:
        if kind == _DYNAMIC:
            entries += struct.iter_unpack("<QQ", elf[offset : offset + length])
    address = next((value for tag, value in entries if tag == _STRTAB), 0)
    strings = next((o + address - v for k, _, o, v, _, n, _, _ in segments if k == 1 and v <= address < v + n), 0)
    for tag, value in entries:
        if tag == _NEEDED:
            yield elf[strings + value : elf.index(b"\0", strings + value)].decode()
