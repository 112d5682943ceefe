"""What is decided before anything is fetched: what is left out, how bytes are put in order, what is said of them."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.image.house import ROOT

from image import contents, debian, layout, provenance, sbom, wheels

PYTHON = f"usr/lib/python{contents.PYTHON}"
PACKAGE = debian.Package(
    name="libc6",
    version="1:2.41-12",
    architecture="amd64",
    source="glibc",
    sha256="1" * 64,
    file="",
    licences=("LGPL",),
)
WHEEL = wheels.Wheel(name="msgspec", version="0.22.0", sha256="2" * 64, licence="BSD-3-Clause")
SUBJECT = sbom.Subject(
    name="lethe", version="1", commit="c" * 40, digest=f"sha256:{'3' * 64}", created="2026-11-29T00:00:00Z"
)


@pytest.mark.parametrize(
    ("path", "there"),
    [
        (f"usr/bin/python{contents.PYTHON}", True),
        ("usr/bin/ldd", False),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", True),
        ("usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", False),
        (f"{PYTHON}/asyncio/events.py", True),
        (f"{PYTHON}/unittest/mock.py", False),
        (f"{PYTHON}/lib-dynload/_ssl.cpython-313-x86_64-linux-gnu.so", True),
        (f"{PYTHON}/lib-dynload/_sqlite3.cpython-313-x86_64-linux-gnu.so", False),
        (f"{contents.SITE}/lethe/cli/main.py", True),
        (f"{contents.SITE}/uvloop/loop.pyx", False),
        (contents.COMMAND, True),
        ("usr/share/doc/libc6/copyright", True),
        ("usr/share/doc/libc6/changelog.Debian.gz", False),
        ("var/lib/dpkg/status", False),
        ("etc/os-release", True),
    ],
)
def test_what_is_kept(path: str, there: bool) -> None:
    assert contents.kept(path) is there


def test_what_is_made_is_kept() -> None:
    assert all(map(contents.kept, (*contents.MADE, *contents.LINKS, *contents.FOLDERS, contents.AUTHORITIES)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Format: x\nLicense: MIT\n\nFiles: *\nLicense: GPL-2+\n text\nLicense: MIT\n", ("GPL-2+", "MIT")),
        ("This package was debianized by somebody.\nLicense: MIT\n", ()),
    ],
)
def test_licences_of_debian(text: str, names: tuple[str, ...]) -> None:
    assert debian.licences(text) == names


def tree(root: Path, names: list[str], mode: int) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
        (root / name).chmod(mode)
        os.utime(root / name, (len(names), mode))
    (root / "link").symlink_to("a/one")
    return root


def test_a_layer_depends_on_contents_alone(tmp_path: Path) -> None:
    names = ["a/one", "a/two", "b"]
    first = tree(tmp_path / "first", names, 0o644)
    second = tree(tmp_path / "second", names[::-1], 0o600)
    made = layout.layer(first, [*names, "link"], 7, "x")
    assert made == layout.layer(second, ["link", *names[::-1]], 7, "x")
    (second / "b").chmod(0o755)
    assert made != layout.layer(second, ["link", *names], 7, "x")


def test_an_image_is_named_by_its_manifest(tmp_path: Path) -> None:
    layer = layout.layer(tree(tmp_path, ["a"], 0o644), ["a"], 7, "x")
    made = layout.image([layer], contents.configuration("1", "c", "t"), "amd64", "t")
    manifest = json.loads(made.blobs[made.digest])
    config = json.loads(made.blobs[manifest["config"]["digest"]])
    assert config["rootfs"]["diff_ids"] == [layer.diff_id]
    assert made.blobs[manifest["layers"][0]["digest"]] == layer.data
    assert layout.archive(made, "n", 7) == layout.archive(made, "n", 7)


def test_the_bill_of_materials_is_valid() -> None:
    bill = sbom.bill(SUBJECT, contents.SUITE, [PACKAGE], [WHEEL])
    text = layout.encoded(bill).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert sbom.purl(PACKAGE, contents.SUITE) == "pkg:deb/debian/libc6@1%3A2.41-12?arch=amd64&distro=debian-13"
    assert text.count('"hashes"') == 3


def test_provenance_names_what_was_put_in() -> None:
    inputs = provenance.Inputs(commit="c" * 40, variant="plain", snapshot=None, builder="urn:me")
    statement = json.loads(layout.encoded(provenance.statement(SUBJECT, inputs, [PACKAGE], [WHEEL])))
    predicate = statement["predicate"]
    assert statement["subject"][0]["digest"] == {"sha256": "3" * 64}
    assert [sorted(each["digest"].values()) for each in predicate["buildDefinition"]["resolvedDependencies"]] == [
        ["c" * 40], ["1" * 64], ["2" * 64],
    ]  # fmt: skip
    assert predicate["runDetails"]["builder"]["id"] == "urn:me"


def checked(*command: str) -> "subprocess.CompletedProcess[str]":
    tool = ROOT / ".venv" / "bin" / command[0]
    return subprocess.run([str(tool), *command[1:]], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def test_the_dockerfile_is_clean(tmp_path: Path) -> None:
    done = checked("hadolint", "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")
    spoilt = tmp_path / "Dockerfile"
    spoilt.write_text((ROOT / "Dockerfile").read_text().replace("STOPSIGNAL", "MAINTAINER"))
    assert checked("hadolint", str(spoilt)).returncode == 1


def test_the_dockerfile_starts_lethe_as_the_image_does() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert f"USER {contents.USER}:{contents.USER}\n" in text
    assert f"python:{contents.PYTHON}-slim-{contents.SUITE.name}\n" in text
    assert "STOPSIGNAL SIGTERM\n" in text
    for setting in ("PYTHONDONTWRITEBYTECODE=1", "LETHE_HOST=0.0.0.0", "PORT=8080"):
        assert setting in text


RELEASE = ROOT / ".github" / "workflows" / "release.yml"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("", ""),
        ("persist-credentials: false", "persist-credentials: true"),
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7"),
        ("permissions: {}", "permissions: write-all"),
        ('echo "image=${IMAGE,,}"', 'echo "image=${{ github.ref_name }}"'),
    ],
    ids=["as it is", "credentials", "a tag", "permissions", "injection"],
)
def test_the_release_workflow_is_audited(tmp_path: Path, good: str, bad: str) -> None:
    text = RELEASE.read_text()
    assert good in text
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "release.yml").write_text(text.replace(good, bad) if good else text)
    done = checked("zizmor", "--offline", "--persona=auditor", str(folder / "release.yml"))
    assert (done.returncode == 0) is (good == ""), done.stdout
