"""What starting up does not pay for: no cloud, no vocabulary and no signing unless it is configured."""

import subprocess
import sys

import pytest

# Third-party packages that it runs on. msgspec takes typing_extensions where it is; setuptools hooks into every start.
RUNS_ON = {"_distutils_hack", "httptools", "msgspec", "typing_extensions", "uvloop"}
PLAIN = """
import sys
from datetime import date
from lethe.config.environment import from_environment
import lethe.sandbox.{process}
keys = {{"ANTHROPIC_API_KEY": "x", "OPENAI_API_KEY": "x", "GEMINI_API_KEY": "x"}}
assert from_environment(keys, embedded_available=True, today=date(2026, 11, 29)).plan.upstreams
print(*sorted({{
    name.partition(".")[0] for name, module in sys.modules.items()
    if "site-packages" in (getattr(module, "__file__", None) or "")
}}))
"""


@pytest.mark.parametrize("process", ["supervisor", "broker", "prober", "worker"])
def test_a_process_imports_what_it_runs_on(process: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLAIN.format(process=process)], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) <= RUNS_ON
