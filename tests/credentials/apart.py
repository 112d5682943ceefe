"""A reference asked for as the broker does it, in a process of its own: SDKs read the environment when they like.

An audit hook sees every file that is opened for writing and every program that is started on the way.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from lethe.upstream.fake.replies import document
from lethe.upstream.fake.script import Answer, Recorded, Script

_PROGRAM = """
import json, os, sys
written, started = [], []
def hook(event, arguments):
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and path != os.devnull:
            written.append(str(path))
    elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate"):
        written.append(str(arguments[0]))
    elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system") and arguments[0] != "uname":
        started.append(str(arguments[0]))
sys.addaudithook(hook)
from lethe.sandbox import silence
silence.everything()
exec(sys.argv[2])
written.clear()
from lethe.credentials.issued import fetch
from lethe.credentials.static import Unresolved
try:
    issued = fetch(sys.argv[1])
    said = {"value": issued.value, "expires": issued.expires}
except Unresolved as error:
    said = {"reason": error.reason}
print(json.dumps(said | {"written": written, "started": started}))
"""


MOTO = """
from moto import mock_aws
mock_aws(config={"core": {"mock_credentials": False}}).start()
"""


class Asked(Struct, kw_only=True):
    """What came of it. `written` are files, `started` programs."""

    value: str = ""
    expires: float | None = None
    reason: str = ""
    written: list[str]
    started: list[str]

    def keys(self) -> dict[str, Any]:
        """The value of `aws:` references."""
        found: dict[str, Any] = json.loads(self.value)
        return found


def ask(reference: str, home: Path, environ: Mapping[str, str] = {}, before: str = "") -> Asked:
    """With this environment and no other; `before` is run in front of it."""
    run = subprocess.run(
        [sys.executable, "-s", "-P", "-c", _PROGRAM, reference, before],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
    asked = Asked(**json.loads(run.stdout))
    assert asked.written == [], "no credential may come to rest in a file"
    return asked


def serving(routes: Mapping[str, Any]) -> Answer:
    """By method and path: a JSON body, or a script of its own, or a function of what was received."""

    def answer(received: Recorded) -> Script:
        said = routes.get(f"{received.method} {received.path}")
        if callable(said):
            said = said(received)
        if said is None:
            return document({"error": "not_found"}, 404)
        return said if isinstance(said, tuple) else document(said)

    return answer
