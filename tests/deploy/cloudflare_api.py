"""A scripted Cloudflare API for AI gateways: bodies are held to the SDK's own types, strictly."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cloudflare.types.ai_gateway import ai_gateway_create_params as creating
from cloudflare.types.ai_gateway import ai_gateway_update_params as updating
from cloudflare.types.ai_gateway.ai_gateway_get_response import AIGatewayGetResponse
from pydantic import ConfigDict, TypeAdapter, ValidationError

Json = dict[str, Any]
ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "CANARY_token"
_PAGE = 2
_TIMES = {"created_at": "2026-11-01T00:00:00Z", "modified_at": "2026-11-01T00:00:00Z"}


def strict(module: Any, name: str) -> TypeAdapter[Any]:
    """Every table of a module refuses words that it does not know."""
    for table in vars(module).values():
        if isinstance(table, type) and hasattr(table, "__total__"):
            table.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    return TypeAdapter(getattr(module, name))


CREATE = strict(creating, "AIGatewayCreateParams")
UPDATE = strict(updating, "AIGatewayUpdateParams")


def refused(adapter: TypeAdapter[Any], body: Json) -> bool:
    try:
        adapter.validate_python({"account_id": ACCOUNT, **body}, strict=True)
    except ValidationError:
        return True
    return False


class Api:
    """`failures` are statuses that come first, one a request; `asked` is all that was asked, in order."""

    def __init__(self) -> None:
        self.gateways: dict[str, Json] = {}
        self.failures: list[int] = []
        self.asked: list[tuple[str, str]] = []
        self.heads: list[dict[str, str]] = []
        self.bodies: list[Json] = []
        self.ignores: frozenset[str] = frozenset()
        self.url = ""

    def answer(self, method: str, target: str, body: Json | None) -> tuple[int, Any]:
        path = urlsplit(target).path
        self.asked.append((method, path.rpartition("/ai-gateway/gateways")[2]))
        if self.failures:
            return self.failures.pop(0), None
        root = f"/client/v4/accounts/{ACCOUNT}/ai-gateway/gateways"
        if not path.startswith(root):
            return 404, None
        name = path.removeprefix(root).strip("/")
        match method, name:
            case "GET", "":
                page = int(parse_qs(urlsplit(target).query).get("page", ["1"])[0])
                return 200, list(self.gateways.values())[(page - 1) * _PAGE : page * _PAGE]
            case "GET", _:
                return (200, self.gateways[name]) if name in self.gateways else (404, None)
            case "POST", "":
                return self._keep(CREATE, str(body and body.get("id")), body)
            case "PUT", _:
                return self._keep(UPDATE, name, body)
            case _:
                return 405, None

    def _keep(self, adapter: TypeAdapter[Any], name: str, body: Json | None) -> tuple[int, Any]:
        if body is None or refused(adapter, body):
            return 400, None
        self.bodies.append(body)
        kept = {key: value for key, value in body.items() if key not in self.ignores}
        made = {**self.gateways.get(name, {"id": name, "is_default": False, **_TIMES}), **kept}
        AIGatewayGetResponse.model_validate(made)
        self.gateways[name] = made
        return 200, made


@contextmanager
def served() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            api.heads.append({name.lower(): value for name, value in self.headers.items()})
            status, result = api.answer(self.command, self.path, body)
            errors = [] if status == 200 else [{"code": 1, "message": f"CANARY_error {self.headers['authorization']}"}]
            data = json.dumps({"success": status == 200, "errors": errors, "messages": [], "result": result}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}/client/v4"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
