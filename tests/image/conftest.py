"""Fixtures that last as long as the session: one build, one store of podman's."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.image.house import Podman, build, commit, needed


@pytest.fixture(scope="session")
def revision() -> str:
    needed()
    return commit()


@pytest.fixture(scope="session")
def built(revision: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make image` writes."""
    out = tmp_path_factory.mktemp("image")
    build(out, revision)
    return out


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    needed()
    folder = Path(tempfile.mkdtemp(prefix="lethe-podman-"))  # short: a socket's path must fit
    yield Podman(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def image(podman: Podman, built: Path) -> str:
    """Its name in podman's store."""
    said = podman.said("load", "--quiet", "--input", str(built / "lethe.oci.tar"))
    return said.rpartition(": ")[2]
