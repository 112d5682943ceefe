"""What the kernel shows of processes, and what it does not."""

import os
import subprocess
import time

import pytest

from lethe.verify import procfs


def test_descriptors_that_are_not_shown_and_those_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: str) -> list[str]:
        raise PermissionError

    with subprocess.Popen(["true"]) as gone:
        while procfs.alive(gone.pid):
            time.sleep(0.001)
        assert procfs.links(os.getpid())
        monkeypatch.setattr(os, "listdir", refused)
        assert procfs.links(os.getpid()) is None
        assert procfs.links(gone.pid) == {}
    assert procfs.links(gone.pid) == {}
