"""A fixture that starts real `lethe serve` processes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.e2e.served import Lethe, lethe

Serve: TypeAlias = Callable[..., Lethe]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """`serve(config, *options, environ=...)`; each process is stopped at the end and must exit with 0."""
    with ExitStack() as stack:

        def start(config: str, *options: str, environ: dict[str, str] | None = None) -> Lethe:
            folder = tmp_path / f"lethe-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(lethe(folder, config, *options, environ=environ))

        yield start
