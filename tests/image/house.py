"""The image, built as `make image` does, and podman to run it: read-only, without capabilities, without a log."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KEY = "sk-lethe-image-test"
BUILD, PATIENCE = 400.0, 60.0
NEEDED = ("apt-get", "dpkg-deb", "podman", "runc")
# Any raise of a limit is refused where the host has no CAP_SYS_RESOURCE.
LIMITS = ("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=1024:1024")
CONFINED = (
    *LIMITS,
    *("--read-only", "--read-only-tmpfs=false"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--log-driver", "none"),
)
TEMPORARY = ("--tmpfs", "/tmp:rw,noexec,nosuid,size=16m")  # for what needs a place to write, which serving does not


def needed() -> None:
    """Fails where everything must be there, skips elsewhere."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if not missing and os.geteuid() == 0:
        return
    why = f"missing: {', '.join(missing)}" if missing else "containers are run by root here"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def commit() -> str:
    """What is built; others may commit meanwhile."""
    words = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "rev-parse", "HEAD"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def build(out: Path, revision: str, **environ: str) -> str:
    """Its digest."""
    command = [sys.executable, "-m", "image.build", "--out", str(out), "--commit", revision]
    made = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, timeout=BUILD, check=False
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


class Podman:
    """With storage of its own, under a folder."""

    def __init__(self, folder: Path) -> None:
        self._words = [
            "podman", "--storage-driver", "vfs", "--root", str(folder / "storage"), "--runroot", str(folder / "run"),
            "--cgroup-manager", "cgroupfs", "--runtime", "runc",
        ]  # fmt: skip

    def __call__(self, *words: str, seconds: float = PATIENCE) -> "subprocess.CompletedProcess[str]":
        """What it says, whatever its status."""
        command = [*self._words, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)

    def said(self, *words: str, seconds: float = PATIENCE) -> str:
        """What it prints, if it succeeds."""
        done = self(*words, seconds=seconds)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def run(self, image: str, *words: str, options: tuple[str, ...] = (), seconds: float = PATIENCE) -> Any:
        """A container that ends by itself."""
        return self("run", "--rm", "--network", "none", *CONFINED, *options, image, *words, seconds=seconds)


class Container:
    """One that serves on a port of this machine."""

    def __init__(self, podman: Podman, name: str, port: int) -> None:
        self.podman, self.name, self.port = podman, name, port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of its first process, on the host."""
        return int(self.podman.said("inspect", "--format", "{{.State.Pid}}", self.name))

    def start(self) -> None:
        """And wait until it is ready to serve."""
        self.podman.said("start", self.name)
        deadline = time.monotonic() + PATIENCE
        while not self._ready():
            assert time.monotonic() < deadline, "not ready"
            time.sleep(0.01)

    def ask(self, path: str, body: Mapping[str, Any], seconds: float = PATIENCE) -> Any:
        """An open reply."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        return urllib.request.urlopen(request, timeout=seconds)

    def family(self) -> list[int]:
        """Every process of it."""
        found = [self.pid]
        for pid in found:
            found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found

    def since_start(self) -> float:
        """Seconds that its first process has been there."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Bytes that its processes take, what they share counted once (proportional set size)."""
        rolls = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.family())
        sizes = (line.split()[1] for roll in rolls for line in roll.splitlines() if line.startswith("Pss:"))
        return sum(map(int, sizes)) * 1024

    def exit_code(self) -> int:
        return int(self.podman.said("inspect", "--format", "{{.State.ExitCode}}", self.name))

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/ready", timeout=5) as reply:
                return bool(reply.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False


@contextmanager
def container(podman: Podman, image: str, config: str, **environ: str) -> Iterator[Container]:
    """Made, not started; its configuration is in a variable, as platforms without files have it."""
    port = _free()
    variables = {"PORT": str(port), "LETHE_TOML": config, "CLIENT_KEY": KEY, "FAKE_KEY": "fake-key", **environ}
    given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    name = f"lethe-{port}"
    podman.said("create", "--name", name, "--network", "host", *CONFINED, *given, image)
    try:
        yield Container(podman, name, port)
    finally:
        podman("rm", "--force", "--time", "0", name)


def configuration(url: str, level: str = "B") -> str:
    """Two dialects at a scripted upstream, and a caller's key."""
    upstreams = "".join(
        f'[upstreams.{name}]\ndialect = "{dialect}"\nbase_url = "{url}{suffix}"\nclass = "U6"\n'
        f'reason = "a scripted upstream"\napi_key = "env:FAKE_KEY"\nmodels = ["{name}-model"]\n'
        for name, dialect, suffix in (("chat", "openai-chat", "/v1"), ("claude", "anthropic", ""))
    )
    head = f'[retention]\nlevel = "{level}"\naccept_classes = ["U6"]\n'
    return f'{head}[[keys]]\nname = "tests"\nkey = "env:CLIENT_KEY"\n{upstreams}'


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
