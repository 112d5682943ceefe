"""The bill of materials, CycloneDX 1.6: https://cyclonedx.org/docs/1.6/json/ (read 2026-11-29)."""

import uuid
from collections.abc import Sequence
from urllib.parse import quote

from msgspec import Struct

from image.contents import Suite
from image.debian import Package
from image.wheels import Wheel

_HOUSE = uuid.uuid5(uuid.NAMESPACE_DNS, "lethe-proxy")  # the same image has the same serial number


class Subject(Struct, frozen=True, kw_only=True):
    """The image."""

    name: str
    version: str
    commit: str
    digest: str
    created: str


def bill(subject: Subject, suite: Suite, packages: Sequence[Package], wheels: Sequence[Wheel]) -> dict[str, object]:
    """Everything that was put into it; hashes are those of the package files."""
    lethe: dict[str, object] = {
        "type": "library",
        "bom-ref": f"pkg:pypi/lethe-proxy@{subject.version}",
        "name": "lethe-proxy",
        "version": subject.version,
        "purl": f"pkg:pypi/lethe-proxy@{subject.version}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "properties": [{"name": "lethe:commit", "value": subject.commit}],
    }
    system: dict[str, object] = {
        "type": "operating-system",
        "bom-ref": f"debian-{suite.version}",
        "name": "debian",
        "version": suite.version,
        "description": suite.name,
    }
    components = [system, *(_debian(package, suite) for package in packages), lethe, *map(_python, wheels)]
    image = f"{subject.name}@{subject.digest}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_HOUSE, subject.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": subject.created,
            "tools": {"components": [{"type": "application", "name": "image.build", "version": subject.commit}]},
            "component": {
                "type": "container",
                "bom-ref": image,
                "name": subject.name,
                "version": subject.version,
                "purl": f"pkg:oci/{subject.name}@{quote(subject.digest, safe='')}",
                "hashes": [{"alg": "SHA-256", "content": subject.digest.removeprefix("sha256:")}],
            },
        },
        "components": components,
        "dependencies": [
            {"ref": image, "dependsOn": [str(component["bom-ref"]) for component in components]},
        ],
    }


def purl(package: Package, suite: Suite) -> str:
    """https://github.com/package-url/purl-spec, type deb."""
    version = quote(package.version, safe="")
    return f"pkg:deb/debian/{package.name}@{version}?arch={package.architecture}&distro=debian-{suite.version}"


def _debian(package: Package, suite: Suite) -> dict[str, object]:
    component = _library(package.name, package.version, purl(package, suite), package.sha256)
    properties = [{"name": "debian:source", "value": package.source}]
    return component | {"properties": properties} | _licences(package.licences)


def _python(wheel: Wheel) -> dict[str, object]:
    component = _library(wheel.name, wheel.version, f"pkg:pypi/{wheel.name}@{wheel.version}", wheel.sha256)
    return component | _licences((wheel.licence,) if wheel.licence else ())


def _library(name: str, version: str, purl: str, sha256: str) -> dict[str, object]:
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
    }


def _licences(names: Sequence[str]) -> dict[str, object]:
    return {"licenses": [{"license": {"name": name}} for name in names]} if names else {}
