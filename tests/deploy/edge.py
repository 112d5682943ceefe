"""Wrangler as users run it, and an origin that goes step by step with its caller, so that a buffer is a standstill."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from tests.clients import npm

FOLDER = Path(__file__).parent / "wrangler"
WAIT = 30.0  # seconds; a standstill, not a measure
PACKING = 120.0  # seconds
ENTRY = """import { relay } from "./src/relay.js";

export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url);
    return relay(request, (outgoing) => fetch(new Request(env.ORIGIN + pathname, outgoing)));
  },
};
"""
# What is deployed, with a container that is the origin; /started tells how the library has started it.
SCRIPTED = """import worker, { Lethe as Deployed } from "./index.js";

const started = [];

export class Lethe extends Deployed {
  constructor(ctx, env) {
    const container = {
      running: false,
      start(options) {
        started.push(options);
        this.running = true;
      },
      monitor: () => new Promise(() => {}),
      getTcpPort: (port) => ({ fetch: (url, init) => fetch(env.ORIGIN + new URL(url).pathname + "?" + port, init) }),
      signal() {},
      destroy() {},
    };
    Object.defineProperty(ctx, "container", { value: container });
    super(ctx, env);
  }
}

export default {
  fetch(request, env) {
    return new URL(request.url).pathname === "/started" ? Response.json(started) : worker.fetch(request, env);
  },
};
"""
# workerd.capnp of workerd 1.20261117.1
_CONFIG = """using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .edge),
    (name = "disk", disk = (path = "%(disk)s", writable = true)),
    (name = "internet", network = (allow = ["private", "public"])),
  ],
  sockets = [ (name = "http", address = "127.0.0.1:%(port)d", http = (), service = "main") ],
);

const edge :Workerd.Worker = (
  modules = [
    (name = "scripted.js", esModule = embed "scripted.js"),
    (name = "index.js", esModule = embed "index.js"),
    (name = "%(config)s", text = embed "%(config)s"),
  ],
  bindings = [ (name = "LETHE", durableObjectNamespace = "Lethe"), %(bindings)s ],
  durableObjectNamespaces = [ (className = "Lethe", uniqueKey = "lethe", enableSql = true) ],
  durableObjectStorage = (localDisk = "disk"),
  compatibilityDate = "%(day)s",
  compatibilityFlags = %(flags)s,
);
"""
_OF_CONTAINERS = ("containers", "durable_objects", "migrations", "routes", "secrets", "$schema")


class Origin:
    """What a request was, as it came, and the parts of an answer, as the test hands them out."""

    def __init__(self) -> None:
        self.heads: list[dict[str, str]] = []
        self.arrived: Queue[bytes] = Queue()
        self.parts: Queue[bytes | None] = Queue()
        self.left = threading.Event()
        self.port = 0
        self.close: Callable[[], None] = lambda: None  # nobody listens any more


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    origin: Origin

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.send_header("connection", "close")
        self.end_headers()

    def do_POST(self) -> None:
        self.origin.heads.append({name.lower(): value for name, value in self.headers.items()})
        for piece in self._body():
            self.origin.arrived.put(piece)
        self.origin.arrived.put(b"")
        part = self._next()
        if part is None and self.origin.left.is_set():
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")  # none is left to be used again when nobody listens any more
        self.end_headers()
        while part is not None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            part = self._next()
        if not self.origin.left.is_set():
            self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> Iterator[bytes]:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            yield self.rfile.read(int(self.headers["content-length"]))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _next(self) -> bytes | None:
        """The next part; None after the last one, and when the caller has gone."""
        while True:
            with contextlib.suppress(Empty):
                return self.origin.parts.get(timeout=0.1)
            if self._gone():
                self.close_connection = True
                self.origin.left.set()
                return None

    def _gone(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextlib.contextmanager
def origin() -> Iterator[Origin]:
    found = Origin()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"origin": found}))
    server.daemon_threads = True
    server.block_on_close = False
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close() -> None:
        server.shutdown()
        server.server_close()

    found.close = close
    try:
        yield found
    finally:
        found.close()


def placed(folder: Path, files: dict[str, str]) -> None:
    """The files of a deployment, with what npm would install."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "node_modules").symlink_to(npm.install(FOLDER))


def environment(home: Path) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    return npm.environment(home, CI="1", WRANGLER_SEND_METRICS="false", WRANGLER_LOG_PATH=str(home / "log"))


def wrangler(*words: str) -> list[str]:
    program, _ = npm.node()
    return [program, "node_modules/wrangler/bin/wrangler.js", *words]


@contextlib.contextmanager
def running(folder: Path, files: dict[str, str], port: int) -> Iterator[tuple[int, Path]]:
    """The Worker's relay in front of an origin in place of the containers; its port, and where all that it writes is."""
    work, home = folder / "work", folder / "home"
    config = {name: value for name, value in json.loads(files["wrangler.json"]).items() if name not in _OF_CONTAINERS}
    config.update(main="entry.js", vars={"ORIGIN": f"http://127.0.0.1:{port}"})
    placed(work, {"src/relay.js": files["src/relay.js"], "entry.js": ENTRY, "wrangler.json": json.dumps(config)})
    chosen = _free()
    words = wrangler("dev", "--local", "--ip", "127.0.0.1", "--port", str(chosen), "--inspector-port", "0")
    with _started(words, work, home, chosen):
        yield chosen, folder


def packed(folder: Path, files: dict[str, str]) -> Path:
    """What `wrangler deploy` would send, in a folder."""
    placed(folder / "work", files)
    words = wrangler("deploy", "--dry-run", "--outdir", str(folder / "dist"))
    done = npm.run(words, folder / "work", environment(folder / "home"), PACKING)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return folder / "dist"


@contextlib.contextmanager
def objects(folder: Path, dist: Path, variables: dict[str, str], flags: list[str]) -> Iterator[int]:
    """All that is deployed, by workerd itself, with a scripted container; its port. What it stores is in `folder`."""
    (source,) = dist.glob("*.toml")
    for path in (source, dist / "index.js"):
        (folder / path.name).write_bytes(path.read_bytes())
    disk, chosen = folder / "disk", _free()
    disk.mkdir()
    written = {
        "disk": str(disk),
        "port": chosen,
        "config": source.name,
        "bindings": ", ".join(f'(name = "{name}", text = "{value}")' for name, value in variables.items()),
        "day": "2026-11-01",
        "flags": json.dumps(flags),
    }
    (folder / "config.capnp").write_text(_CONFIG % written)
    (folder / "scripted.js").write_text(SCRIPTED)
    (program,) = (npm.install(FOLDER) / "@cloudflare").glob("workerd-*/bin/workerd")  # that of this machine
    with _started([str(program), "serve", "config.capnp"], folder, folder / "home", chosen):
        yield chosen


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextlib.contextmanager
def _started(words: list[str], work: Path, home: Path, port: int) -> Iterator[None]:
    environ = environment(home)
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(
            words, cwd=work, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _until_ready(process, port)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(WAIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(WAIT)


def _until_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    for _ in range(300):
        assert process.poll() is None, "wrangler has ended"
        with contextlib.suppress(OSError), contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=WAIT)) as asked:
            asked.request("GET", "/ready")
            if asked.getresponse().status == 200:
                return
        time.sleep(0.2)
    raise AssertionError("wrangler does not answer")
