"""Providers' settings APIs as fakes: what each answers when it keeps nothing, and how answers go wrong.

`test_shapes.py` holds each answer to the type that the vendor's SDK has for it. Without one: Bedrock's answer about a
model, by its user guide ("Data retention"), and xAI's header, by docs.x.ai.
"""

import copy
from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from lethe.providers.probe import ProbeTask
from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.script import Head, Recorded, Script, Send

Path: TypeAlias = tuple[str | int, ...]

RESOURCE = "/subscriptions/0000-1111/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/contoso"
ACCOUNT = "0123456789abcdef0123456789abcdef"
KEY = "sk-admin-canary-7c1e"


class Prover(Struct, frozen=True, kw_only=True):
    """`answers` by path, the good ones. `needed` are fields without which nothing is proven: (path, where in it)."""

    probe: str
    answers: dict[str, dict[str, Any]]
    needed: tuple[tuple[str, Path], ...]
    target: str = ""
    models: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    key_header: str = "authorization"

    def task(self, base_url: str, **changes: Any) -> ProbeTask:
        """What the configuration would make for it; `host` is that of the Azure resource."""
        values = {
            "upstream": "up", "probe": self.probe, "key": "env:ADMIN", "target": self.target, "base_url": base_url,
            "host": "contoso.openai.azure.com", "models": self.models,
        }  # fmt: skip
        return ProbeTask(**values | changes)


def bedrock_model(mode: str = "none", *allowed: str, **more: Any) -> dict[str, Any]:
    retention = {"mode": mode, "source": "account", "allowed_modes": list(allowed or ("none", "default"))}
    return {"id": "m", "object": "model", "status": "available", "data_retention": retention, **more}


def endpoint(model: str) -> dict[str, Any]:
    """One of OpenRouter's, as it is told to those who have no key."""
    unknown = (
        "latency_last_30m", "max_completion_tokens", "max_prompt_tokens", "quantization", "service_tier",
        "throughput_last_30m", "uptime_last_1d", "uptime_last_30m", "uptime_last_5m",
    )  # fmt: skip
    return dict.fromkeys(unknown) | {
        "model_id": model,
        "model_name": model,
        "name": "Together | " + model,
        "provider_name": "Together",
        "tag": "together",
        "context_length": 9,
        "native_tools": {},
        "pricing": {"prompt": "0", "completion": "0"},
        "supported_parameters": ["max_tokens"],
        "supports_diarization": False,
        "supports_implicit_caching": False,
        "supports_tool_choice": {"auto": True, "function": True, "none": True, "required": True},
    }


GATEWAY: dict[str, Any] = {
    "id": "gw", "cache_invalidate_on_update": True, "cache_ttl": 0, "collect_logs": False, "logpush": False, "zdr": True,
    "created_at": "2026-01-01T00:00:00Z", "modified_at": "2026-01-01T00:00:00Z", "rate_limiting_interval": 0,
    "rate_limiting_limit": 0, "is_default": False, "byok_only": False, "otel": [], "log_classification": None,
}  # fmt: skip
RESOURCE_BODY: dict[str, Any] = {
    "id": RESOURCE,
    "name": "contoso",
    "properties": {
        "endpoint": "https://contoso.openai.azure.com/",
        "capabilities": [{"name": "VirtualNetworks"} | {"value": ""}, {"name": "ContentLogging", "value": "false"}],
    },
}
LOGGING = {"s3Config": {"bucketName": "logs"}} | {
    f"{kind}DataDeliveryEnabled": False for kind in ("text", "image", "embedding", "video", "audio")
}
PROVERS: dict[str, Prover] = {
    each.probe: each
    for each in (
        Prover(
            probe="xai.response_header",
            answers={"/models": {"data": []}},
            headers=(("x-zero-data-retention", "true"),),
            needed=(),
        ),
        Prover(
            probe="bedrock.data_retention",
            answers={"/v1/data_retention": {"mode": "inherit"}, "/v1/models/m": bedrock_model()},
            models=("m",),
            key_header="x-api-key",
            needed=(
                ("/v1/data_retention", ("mode",)),
                ("/v1/models/m", ("id",)),
                ("/v1/models/m", ("data_retention",)),
                ("/v1/models/m", ("data_retention", "mode")),
                ("/v1/models/m", ("data_retention", "allowed_modes")),
            ),
        ),
        Prover(
            probe="bedrock.invocation_logging",
            answers={"/logging/modelinvocations": {"loggingConfig": LOGGING}},
            needed=tuple(
                ("/logging/modelinvocations", ("loggingConfig", name)) for name in LOGGING if name.endswith("Enabled")
            ),
        ),
        Prover(
            probe="openai.data_retention",
            target="proj_abc",
            answers={
                "/organization/projects/proj_abc/data_retention": {
                    "object": "project.data_retention",
                    "type": "organization_default",
                },
                "/organization/data_retention": {
                    "object": "organization.data_retention",
                    "type": "zero_data_retention",
                },
            },
            needed=tuple(
                (path, (name,))
                for path in ("/organization/projects/proj_abc/data_retention", "/organization/data_retention")
                for name in ("object", "type")
            ),
        ),
        Prover(
            probe="azure.content_logging",
            target=RESOURCE,
            answers={RESOURCE: RESOURCE_BODY},
            needed=(
                (RESOURCE, ("id",)),
                (RESOURCE, ("properties",)),
                (RESOURCE, ("properties", "endpoint")),
                (RESOURCE, ("properties", "capabilities")),
                (RESOURCE, ("properties", "capabilities", 1)),
                (RESOURCE, ("properties", "capabilities", 1, "name")),
                (RESOURCE, ("properties", "capabilities", 1, "value")),
            ),
        ),
        Prover(
            probe="vertex.cache_config",
            target="proj",
            answers={
                "/v1/projects/proj/cacheConfig": {
                    "name": "projects/123/cacheConfig",
                    "disableCache": True,
                    "retentionConfig": {"retentionType": "DURABLE"},  # what a project has that never chose
                }
            },
            needed=(
                ("/v1/projects/proj/cacheConfig", ("name",)),
                ("/v1/projects/proj/cacheConfig", ("disableCache",)),
            ),
        ),
        Prover(
            probe="cloudflare.gateway",
            target=f"{ACCOUNT}/gw",
            answers={f"/accounts/{ACCOUNT}/ai-gateway/gateways/gw": {"success": True, "result": GATEWAY}},
            needed=tuple(
                (f"/accounts/{ACCOUNT}/ai-gateway/gateways/gw", path)
                for path in (
                    ("success",),
                    ("result",),
                    ("result", "id"),
                    ("result", "collect_logs"),
                    ("result", "cache_ttl"),
                    ("result", "logpush"),
                    ("result", "zdr"),
                )
            ),
        ),
        Prover(
            probe="openrouter.zdr_endpoints",
            models=("a/one", "a/two"),
            answers={"/endpoints/zdr": {"data": [endpoint("a/two"), endpoint("b/three")]}},
            needed=(("/endpoints/zdr", ("data",)), ("/endpoints/zdr", ("data", 0, "model_id"))),
        ),
    )
}


def without(body: dict[str, Any], path: Path) -> dict[str, Any]:
    """A copy that lacks the field."""
    changed = copy.deepcopy(body)
    del _around(changed, path)[path[-1]]
    return changed


def with_value(body: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy with another value in that place."""
    changed = copy.deepcopy(body)
    _around(changed, path)[path[-1]] = value
    return changed


def _around(body: Any, path: Path) -> Any:
    for step in path[:-1]:
        body = body[step]
    return body


def serve(fake: FakeThread, prover: Prover, **changed: Any) -> None:
    """Answer as this provider does, with other bodies for some paths: `changed` by path, given as a dict."""
    answers = prover.answers | changed.get("answers", {})
    headers = (("content-type", "application/json"), *changed.get("headers", prover.headers))

    def script(request: Recorded) -> Iterator[Any]:
        body = answers.get(request.path)
        if body is None:
            yield Head(404, headers)
            yield Send(b"{}")
        else:
            yield Head(200, headers)
            yield Send(msgspec.json.encode(body))

    fake.answer(script)


def plainly(status: int, body: bytes, *headers: tuple[str, str]) -> Script:
    return (Head(status, headers), Send(body))
