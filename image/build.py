"""Makes the image without a container engine and without root: python -m image.build [options].

Writes lethe.oci.tar, its SBOM (lethe.cdx.json), its provenance statement (lethe.provenance.json) and its digest
(lethe.digest). The same commit and the same packages give the same digest.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from image import contents, debian, layout, provenance, sbom, wheels

ROOT = Path(__file__).parent.parent


class Machine(Struct, frozen=True):
    """What Debian and the C library call an architecture."""

    debian: str
    triplet: str


MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine("amd64", "x86_64-linux-gnu"),
    "aarch64": Machine("arm64", "aarch64-linux-gnu"),
}
LOCKS: Mapping[str, str] = {"plain": "runtime.txt", "cloud": "cloud.txt"}


def say(line: str) -> None:
    sys.stderr.write(f"image: {line}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m image.build", description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "image", help="folder (default dist/image)")
    parser.add_argument("--commit", default="HEAD", help="what of the repository (default HEAD)")
    parser.add_argument("--variant", choices=sorted(LOCKS), default="plain")
    parser.add_argument("--snapshot", help="packages as of that time at snapshot.debian.org, as 20261129T000000Z")
    parser.add_argument("--builder", default=provenance.LOCAL, help="URI of who builds, for the provenance")
    arguments = parser.parse_args()
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="lethe-image-") as folder:
        build(Path(folder), arguments)
    return 0


def build(folder: Path, arguments: argparse.Namespace) -> None:
    """In this empty folder."""
    name, root = platform.machine(), folder / "root"
    machine = MACHINES[name]
    commit, seconds = wheels.revision(ROOT, arguments.commit)
    created = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    say(f"commit {commit[:12]}, Debian {contents.SUITE.version}, Python {contents.PYTHON}, {machine.debian}")
    (apt := folder / "apt").mkdir()
    packages = debian.fetch(apt, contents.SUITE, contents.PACKAGES, machine.debian, arguments.snapshot)
    packages = [unpacked(package, root) for package in packages]
    say(f"{len(packages)} Debian packages")
    tree = wheels.checkout(ROOT, commit, folder)
    version = version_of(tree)
    installed = wheels.install(tree / "requirements" / LOCKS[arguments.variant], root, folder, name)
    wheels.install_lethe(tree, root, folder)
    say(f"{len(installed)} Python packages and Lethe {version}")
    complete(root, next(package for package in packages if package.name == "ca-certificates"))
    wheels.compile_all(root, machine.triplet, (f"usr/lib/python{contents.PYTHON}", contents.SITE))
    made = packed(root, seconds, contents.configuration(version, commit, created), machine, created)
    subject = sbom.Subject(name="lethe", version=version, commit=commit, digest=made.digest, created=created)
    inputs = provenance.Inputs(
        commit=commit, variant=arguments.variant, snapshot=arguments.snapshot, builder=arguments.builder
    )
    written = {
        "lethe.oci.tar": layout.archive(made, f"localhost/lethe:{version}", seconds),
        "lethe.cdx.json": layout.encoded(sbom.bill(subject, contents.SUITE, packages, installed)),
        "lethe.provenance.json": layout.encoded(provenance.statement(subject, inputs, packages, installed)),
        "lethe.digest": f"{made.digest}\n".encode(),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    for file, data in written.items():
        (arguments.out / file).write_bytes(data)
    say(f"{made.size / 1e6:.1f} MB of files, {made.compressed / 1e6:.1f} MB to pull, in {arguments.out}")
    sys.stdout.write(f"{made.digest}\n")


def unpacked(package: debian.Package, root: Path) -> debian.Package:
    """Its files under `root`; and it, with its licences."""
    debian.unpack(Path(package.file), root, contents.kept)
    if package.source in contents.LICENCES:
        return replace(package, licences=(contents.LICENCES[package.source],))
    text = (root / "usr/share/doc" / package.name / "copyright").read_text("utf-8")
    return replace(package, licences=debian.licences(text))


def complete(root: Path, certificates: debian.Package) -> None:
    """What no package holds."""
    texts = {**contents.MADE, contents.AUTHORITIES: debian.authorities(Path(certificates.file))}
    for path in (*texts, *contents.LINKS):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        (root / path).write_text(text)
    (root / contents.COMMAND).chmod(0o755)
    for path, target in contents.LINKS.items():
        (root / path).symlink_to(target)
    for path in contents.FOLDERS:
        (root / path).mkdir(parents=True, exist_ok=True)


def packed(root: Path, seconds: int, config: Mapping[str, object], machine: Machine, created: str) -> layout.Image:
    """Two layers: Debian with its Python, which changes seldom, and what runs on it. Empty folders are left out."""
    listed = (path for path in root.rglob("*") if path.is_symlink() or path.is_file())
    names = [name for path in listed if contents.kept(name := str(path.relative_to(root)))]
    own = [name for name in names if name.startswith("usr/local/")]
    below = [*(name for name in names if not name.startswith("usr/local/")), *contents.FOLDERS]
    layers = [
        layout.layer(root, below, seconds, f"Debian {contents.SUITE.version} and its Python {contents.PYTHON}"),
        layout.layer(root, own, seconds, "Lethe and the packages that it needs"),
    ]
    return layout.image(layers, config, machine.debian, created)


def version_of(tree: Path) -> str:
    """What the package says of itself."""
    [line] = (line for line in (tree / "src/lethe/__init__.py").read_text().splitlines() if "__version__ =" in line)
    return line.split('"')[1]


if __name__ == "__main__":
    sys.exit(main())
