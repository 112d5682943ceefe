"""An OCI image as one file, byte for byte the same for the same contents: sorted, one time, one owner."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from image.contents import FOLDERS

_CONFIG = "application/vnd.oci.image.config.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Layer(Struct, frozen=True):
    """`data` is compressed; `diff_id` is the digest of what it holds, `size` the bytes of its files."""

    data: bytes
    diff_id: str
    size: int
    about: str


class Image(Struct, frozen=True):
    """Blobs by their digests, and the digest by which the image is pulled."""

    digest: str
    blobs: Mapping[str, bytes]
    size: int  # of all files
    compressed: int  # of all layers


def layer(root: Path, paths: Iterable[str], seconds: int, about: str) -> Layer:
    """The paths under `root`, with their folders."""
    whole, size = io.BytesIO(), 0
    named = {str(parent) for path in paths for parent in (Path(path), *Path(path).parents)} - {"."}
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted(named):
            member = _member(root, name, seconds)
            size += member.size
            archive.addfile(member, io.BytesIO((root / name).read_bytes()) if member.isreg() else None)
    raw = whole.getvalue()
    return Layer(gzip.compress(raw, 9, mtime=0), digest(raw), size, about)


def image(layers: list[Layer], config: Mapping[str, object], architecture: str, created: str) -> Image:
    """The layers, lowest first."""
    blobs: dict[str, bytes] = {}

    def described(kind: str, data: bytes) -> dict[str, object]:
        blobs[digest(data)] = data
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    document = {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
        "history": [{"created": created, "created_by": one.about} for one in layers],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": described(_CONFIG, encoded(document)),
        "layers": [described(_LAYER, one.data) for one in layers],
    }
    top = encoded(manifest)
    described(_MANIFEST, top)
    return Image(digest(top), blobs, sum(one.size for one in layers), sum(len(one.data) for one in layers))


def archive(made: Image, name: str, seconds: int) -> bytes:
    """An OCI archive, which podman, skopeo and containerd load under this name."""
    entry = {
        "mediaType": _MANIFEST,
        "digest": made.digest,
        "size": len(made.blobs[made.digest]),
        "annotations": {"org.opencontainers.image.ref.name": name},
    }
    files = {f"blobs/sha256/{key.removeprefix('sha256:')}": data for key, data in made.blobs.items()}
    files["index.json"] = encoded({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]})
    files["oci-layout"] = encoded({"imageLayoutVersion": "1.0.0"})
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as packed:
        for path in sorted(files):
            member = tarfile.TarInfo(path)
            member.size, member.mtime, member.mode = len(files[path]), seconds, 0o644
            packed.addfile(member, io.BytesIO(files[path]))
    return whole.getvalue()


def digest(data: bytes) -> str:
    """As OCI writes it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def encoded(document: object) -> bytes:
    """JSON in one order."""
    return msgspec.json.encode(document, order="sorted")


def _member(root: Path, name: str, seconds: int) -> tarfile.TarInfo:
    path, member = root / name, tarfile.TarInfo(name)
    member.mtime = seconds
    if path.is_symlink():
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
    elif path.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, FOLDERS.get(name, 0o755)
    else:
        member.size = path.stat().st_size
        member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    return member
