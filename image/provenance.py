"""How the image was made: an in-toto statement with SLSA provenance, https://slsa.dev/spec/v1.0/provenance.

Written beside the image by whoever builds it, so it proves nothing by itself; the release workflow signs its own.
"""

from collections.abc import Sequence

from msgspec import Struct

from image import sbom
from image.contents import PYTHON, SUITE
from image.debian import Package
from image.wheels import Wheel

LOCAL = "urn:lethe:builder:local"
BUILD_TYPE = "urn:lethe:image-build:v1"


class Inputs(Struct, frozen=True, kw_only=True):
    """What the build was told."""

    commit: str
    variant: str
    snapshot: str | None
    builder: str


def statement(
    subject: sbom.Subject, inputs: Inputs, packages: Sequence[Package], wheels: Sequence[Wheel]
) -> dict[str, object]:
    """Builder, materials, commit, digest."""
    materials = [
        {"name": "lethe", "digest": {"gitCommit": inputs.commit}},
        *(_material(sbom.purl(package, SUITE), package.sha256) for package in packages),
        *(_material(f"pkg:pypi/{wheel.name}@{wheel.version}", wheel.sha256) for wheel in wheels),
    ]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": subject.name, "digest": {"sha256": subject.digest.removeprefix("sha256:")}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "commit": inputs.commit,
                    "variant": inputs.variant,
                    "snapshot": inputs.snapshot,
                },
                "internalParameters": {"debian": SUITE.name, "python": PYTHON},
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": inputs.builder}},
        },
    }


def _material(uri: str, sha256: str) -> dict[str, object]:
    return {"uri": uri, "digest": {"sha256": sha256}}
