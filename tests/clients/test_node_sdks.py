"""The official Node SDKs through Lethe: each runs its scenarios in a process of its own, to both upstreams."""

from pathlib import Path

import pytest
from tests.clients.conftest import Way
from tests.clients.npm import environment, install, node, run
from tests.clients.scenarios import Scenarios

from lethe.ir.content import Dialect

FOLDER = Path(__file__).parent / "node"
# What has no counterpart at the other vendor
ONE_SIDED = {("openai.mjs", Dialect.ANTHROPIC): ["embeddings"]}


@pytest.fixture(scope="session")
def sdks() -> Path:
    """A session's fixture, so that a failed installation fails once."""
    return install(FOLDER)


@pytest.mark.parametrize("script", ["anthropic.mjs", "openai.mjs"])
def test_every_scenario(way: Way, sdks: Path, script: str, tmp_path: Path) -> None:
    way.answer(Scenarios(way.dialect))
    program, _ = node()
    skipped = ONE_SIDED.get((script, way.dialect), [])
    done = run([program, script, way.url, way.model, *skipped], FOLDER, environment(tmp_path), 60)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, "\n".join([line for line in lines if not line.startswith("ok")] + [done.stderr])
    assert len(lines) >= 12
    assert len([request for request in way.fake.requests if request.gone_at is not None]) == 2, "timeout and abort"
