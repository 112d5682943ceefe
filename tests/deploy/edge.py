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
ENTRY = """import { relay } from "./src/relay.js";

export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url);
    return relay(request, (outgoing) => fetch(new Request(env.ORIGIN + pathname, outgoing)));
  },
};
"""
# The same with an object between, which passes the answer on as @cloudflare/containers 0.3.7 does (`containerFetch`).
OBJECT = """import { relay } from "./src/relay.js";

export class Lethe {
  constructor(state, env) {
    this.env = env;
  }

  async fetch(request) {
    const answer = await fetch(this.env.ORIGIN + new URL(request.url).pathname, request);
    if (answer.body === null) return answer;
    const { readable, writable } = new IdentityTransformStream();
    answer.body.pipeTo(writable).catch(() => {});
    return new Response(readable, answer);
  }
}

export default {
  fetch(request, env) {
    return relay(request, (outgoing) => env.LETHE.get(env.LETHE.idFromName("0")).fetch(outgoing));
  },
};
"""
# workerd.capnp of workerd 1.20261117.1
_CONFIG = """using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "main", worker = .edge), (name = "internet", network = (allow = ["private", "public"])) ],
  sockets = [ (name = "http", address = "127.0.0.1:%d", http = (), service = "main") ],
);

const edge :Workerd.Worker = (
  modules = [
    (name = "entry.js", esModule = embed "entry.js"),
    (name = "src/relay.js", esModule = embed "src/relay.js"),
  ],
  bindings = [ (name = "LETHE", durableObjectNamespace = "Lethe"), (name = "ORIGIN", text = "http://127.0.0.1:%d") ],
  durableObjectNamespaces = [ (className = "Lethe", uniqueKey = "lethe") ],
  durableObjectStorage = (inMemory = void),
  compatibilityDate = "%s",
  compatibilityFlags = %s,
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


@contextlib.contextmanager
def objects(folder: Path, files: dict[str, str], port: int) -> Iterator[int]:
    """The relay and an object behind it, by workerd itself; its port."""
    work, config, chosen = folder / "work", json.loads(files["wrangler.json"]), _free()
    flags, day = json.dumps(config["compatibility_flags"]), config["compatibility_date"]
    served = {"config.capnp": _CONFIG % (chosen, port, day, flags), "entry.js": OBJECT}
    placed(work, {"src/relay.js": files["src/relay.js"], **served})
    (program,) = (work / "node_modules" / "@cloudflare").glob("workerd-*/bin/workerd")  # that of this machine
    with _started([str(program), "serve", "config.capnp"], work, folder / "home", chosen):
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
