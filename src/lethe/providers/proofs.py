"""What each probe needs, as rows: which key, what it is asked about, where, and how often.

The probes themselves are in `lethe.upstream.probes`; the register names them as evidence.
"""

from enum import Enum, auto

from msgspec import Struct

HOUR = 3600.0
DAY = 24 * HOUR


class KeyNeed(Enum):
    """Which secret asks."""

    OWN = auto()  # the upstream's own, unless the operator gives another
    ADMIN = auto()  # one that the operator gives: it reads settings, and never goes with a request
    OPTIONAL = auto()  # the answer is public; the upstream's own goes along where there is one
    NONE = auto()  # nobody is asked but the kernel


class Proof(Struct, frozen=True, kw_only=True):
    """`target` is a pattern of what the operator has to name, `hint` an example of it; without a pattern nothing.

    `base_url` is where the question goes: empty means the upstream's own address, `{region}` is filled in. `placed`:
    the target is a part of the upstream's own path, so that no other one is proven than the one that is used.
    `account`: what is proven holds for the account whose key asks, and for no other. `identity` is the scheme of a
    cloud's identity that may ask in place of a key, `scope` what its token is for. `every` is how often it is asked, 0
    meaning twice in `max_age`; after failures it waits `retry` seconds, doubling up to `longest`.
    """

    probe: str
    about: str  # in a few words, for people
    key: KeyNeed
    target: str = ""
    hint: str = ""
    base_url: str = ""
    placed: bool = False
    account: bool = False
    blanks: tuple[str, ...] = ()  # of the upstream's address, which are the target where none is named
    identity: str = ""
    scope: str = ""
    exact_models: bool = False  # it is asked about models, so their exact names must be configured
    max_age: float = DAY
    every: float = 0.0
    retry: float = 60.0
    longest: float = 900.0


def _engine(probe: str, about: str) -> Proof:
    """Engines restart with other flags without a word, and looking costs next to nothing."""
    return Proof(probe=probe, about=about, key=KeyNeed.NONE, max_age=60.0, every=15.0, retry=5.0, longest=15.0)


PROOFS: tuple[Proof, ...] = (
    Proof(probe="xai.response_header", about="the header that xAI puts on every response", key=KeyNeed.OWN),
    Proof(
        probe="bedrock.data_retention",
        about="the retention mode of each model",
        key=KeyNeed.OWN,
        base_url="https://bedrock-mantle.{region}.api.aws",
        identity="aws",
        exact_models=True,
        account=True,
    ),
    Proof(
        probe="bedrock.invocation_logging",
        about="the account's logging of model invocations",
        key=KeyNeed.OWN,
        base_url="https://bedrock.{region}.amazonaws.com",
        identity="aws",
        account=True,
    ),
    Proof(
        probe="openai.data_retention",
        about="the retention setting of the project, or of its organisation",
        key=KeyNeed.ADMIN,
        target=r"proj_[A-Za-z0-9_-]{1,128}",
        hint="the project that the key belongs to, proj_...",
        base_url="https://api.openai.com/v1",
        account=True,
    ),
    Proof(
        probe="azure.content_logging",
        about="the ContentLogging capability of the resource",
        key=KeyNeed.ADMIN,
        target=r"/subscriptions/[A-Za-z0-9-]{1,64}/resourceGroups/[\w.()-]{0,89}[\w()-]"
        r"/providers/Microsoft\.CognitiveServices/accounts/[A-Za-z0-9][A-Za-z0-9._-]{1,63}",
        hint="the resource, /subscriptions/.../providers/Microsoft.CognitiveServices/accounts/...",
        base_url="https://management.azure.com",
        identity="azure",
        scope="https://management.azure.com/.default",
    ),
    Proof(
        probe="vertex.cache_config",
        about="the project's cache of prompts",
        key=KeyNeed.ADMIN,
        target=r"[a-z0-9][a-z0-9:.-]{3,62}",
        hint="the project, by its id",
        base_url="https://us-central1-aiplatform.googleapis.com",
        identity="google",
        placed=True,
        blanks=("project",),
    ),
    Proof(
        probe="cloudflare.gateway",
        about="the gateway's settings of logs, cache and zero data retention",
        key=KeyNeed.ADMIN,
        target=r"[0-9a-f]{32}/(?!default$)[A-Za-z0-9_-]{1,64}",
        hint="the account and a gateway other than the default one, ACCOUNT/GATEWAY",
        base_url="https://api.cloudflare.com/client/v4",
        placed=True,
        blanks=("account", "gateway"),
    ),
    Proof(
        probe="openrouter.zdr_endpoints",
        about="the public list of endpoints that keep nothing",
        key=KeyNeed.OPTIONAL,
        exact_models=True,
    ),
    _engine("llamacpp.flags", "the flags of the llama.cpp server on this machine"),
    _engine("vllm.flags", "the flags of the vLLM server on this machine"),
    _engine("ollama.flags", "the environment of the Ollama server on this machine"),
)
BY_PROBE: dict[str, Proof] = {row.probe: row for row in PROOFS}
