"""Which flags close the sinks of an engine on this machine, as rows, and whether a command line has them.

What is not said on the command line, or in the environment where that is the engine's own way, is not believed.
llama.cpp: tools/server/README.md at 00dc805, common/arg.cpp for how it reads options, and names in xllamacpp's build
2026.10.11549; vLLM: vllm 0.33 `serve` arguments and `envs`; Ollama: `envconfig` and docs/faq.mdx, 2026-08-21.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from msgspec import Struct

from lethe.upstream.probes.verdict import PROVEN, Reason, Unproven, Verdict

NOWHERE = "/dev/null"


class Process(Struct, frozen=True, kw_only=True):
    """A process's arguments, the environment that it was started with, and where its stdout and stderr lead.

    The first two may hold secrets.
    """

    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    outputs: tuple[str, ...] = ("not looked at",)

    def __repr__(self) -> str:
        return "<Process>"


class Switch(Struct, frozen=True, kw_only=True):
    """An option that must have been given, and not been taken back by a later one. `value`: the one it must have."""

    given: tuple[str, ...]
    back: tuple[str, ...] = ()
    value: str | None = None


class Rules(Struct, frozen=True, kw_only=True):
    """`program` matches the base name of what runs, `command` must be among its arguments.

    `closed` are options that must be there; `opening` must not; `most` are numbers that options may have at most;
    `holding` are options that open with any of these words in their value; `off` are variables that must be unset or
    false, `unset` ones that must not be there, `on` ones of which one at least must be true in each group; `must` are
    the values that variables must have.
    """

    program: re.Pattern[str]
    command: str = ""
    underscores: bool = False  # the parser takes them for dashes
    beginnings: bool = False  # and what an option begins with for the option
    closed: tuple[Switch, ...] = ()
    opening: tuple[str, ...] = ()
    most: Mapping[str, int] = {}
    holding: Mapping[str, tuple[str, ...]] = {}
    silent: bool = False  # no option keeps it from printing content, so that its outputs must lead nowhere
    off: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    on: tuple[tuple[str, ...], ...] = ()
    must: Mapping[str, str] = {}


LLAMACPP = Rules(
    program=re.compile(r"llama-server(-.*)?"),
    underscores=True,
    closed=(
        Switch(given=("--no-slots",), back=("--slots",)),  # that endpoint shows prompts
        Switch(given=("--no-cache-prompt",), back=("--cache-prompt",)),
        Switch(given=("--cache-ram", "-cram"), value="0"),
        # Its warnings hold answers that it could not parse, its notes addresses of images (b11434, common/chat.cpp and
        # tools/server/server-common.cpp, read 2026-11-30).
        Switch(given=("--log-disable",)),
    ),
    opening=(
        *("--slot-save-path", "--log-file", "-v", "--verbose", "--log-verbose", "--verbose-prompt", "-lcd"),
        *("--lookup-cache-dynamic", "--log-prompts-dir", "--logits-output-dir", "--save-logits", "--save-all-logits"),
        *("--rpc", "--tools", "--agent", "-ag", "--mcp-servers-config", "--mcp-servers-json", "--tools-runtime"),
        *("--ui-mcp-proxy", "--webui-mcp-proxy", "--models-dir", "--models-preset"),
        "--spec-default",  # is ngram-mod
    ),
    # Drafts from what all requests before have said (common/speculative.cpp).
    holding={"--spec-type": ("ngram-mod", "ngram-cache")},
    most={"-lv": 3, "--verbosity": 3, "--log-verbosity": 3},  # from 4 on bodies are printed
    off=(
        *("LLAMA_SERVER_SLOTS_DEBUG", "LLAMA_SERVER_SLOTS_N_DIFF"),
        *("LLAMA_BATCH_DEBUG", "LLAMA_GRAPH_INPUT_DEBUG", "LLAMA_KV_CACHE_DEBUG"),
    ),
    unset=(
        *("LLAMA_ARG_SLOT_SAVE_PATH", "LLAMA_ARG_LOG_FILE", "LLAMA_LOG_FILE", "LLAMA_ARG_LOG_VERBOSITY"),
        *("LLAMA_LOG_VERBOSITY", "LLAMA_ARG_RPC", "LLAMA_ARG_TOOLS", "LLAMA_ARG_TOOLS_RUNTIME", "LLAMA_ARG_AGENT"),
        *("LLAMA_ARG_MCP_SERVERS_CONFIG", "LLAMA_ARG_MCP_SERVERS_JSON", "LLAMA_ARG_UI_MCP_PROXY"),
        *("LLAMA_ARG_WEBUI_MCP_PROXY", "LLAMA_ARG_MODELS_DIR", "LLAMA_ARG_MODELS_PRESET"),
        "LLAMA_ARG_SPEC_TYPE",
    ),
)
VLLM = Rules(
    program=re.compile(r"vllm|vllm\.entrypoints\.openai\.api_server"),
    underscores=True,
    beginnings=True,
    # Prefixes are kept for the next request, of whomever: a salt in requests would only keep callers apart.
    # So are images, sound and video made ready for the model: 4 GiB, if nothing is said (0.33, read 2026-11-30).
    closed=(
        Switch(given=("--no-enable-prefix-caching",), back=("--enable-prefix-caching",)),
        Switch(given=("--mm-processor-cache-gb",), back=("--mm-processor-cache-gb",), value="0"),
    ),
    opening=(
        *("--enable-log-requests", "--enable-log-outputs", "--no-disable-log-requests", "--log-config-file"),
        *("--otlp-traces-endpoint", "--collect-detailed-traces", "--kv-transfer-config", "--kv-events-config"),
        *("--kv-offloading-backend", "--kv-offloading-size", "--middleware", "--profiler-config"),
        *("--log-level", "--logging-config"),  # at DEBUG it prints whole requests, and they win over the variable
        "--log-error-stack",  # with the fields that did not pass
        "--ec-transfer-config",  # encoded images, to files or other machines
        "--config",  # a file of further options
    ),
    # Drafts from a tree of the answers of up to 10,000 requests before.
    holding=dict.fromkeys(("--speculative-config", "-sc", "--spec-method"), ("suffix",)),
    off=(
        *("VLLM_SERVER_DEV_MODE", "VLLM_TRACE_FUNCTION", "VLLM_ENABLE_RESPONSES_API_STORE"),
        "VLLM_DEBUG_LOG_API_SERVER_RESPONSE",
    ),
    unset=("VLLM_LOGGING_CONFIG_PATH", "VLLM_TORCH_PROFILER_DIR", "VLLM_MEDIA_CACHE", "VLLM_CONFIGURE_LOGGING"),
    on=(("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK"),),
    # Its warnings quote calls of tools that it could not parse (0.33, tool_parsers/utils.py, read 2026-11-30).
    must={"VLLM_LOGGING_LEVEL": "critical"},
)
OLLAMA = Rules(
    program=re.compile(r"ollama"),
    command="serve",
    # It runs llama.cpp's server with a log of its own choosing, whose warnings quote answers, and passes it on
    # (llm/llama_server.go at fb3076099, 2026-08-21).
    silent=True,
    off=("OLLAMA_DEBUG", "OLLAMA_DEBUG_LOG_REQUESTS"),
    on=(("OLLAMA_NO_CLOUD",),),  # models of its cloud look like local ones
)
_FALSE = frozenset({"", "0", "f", "false"})
_TRUE = frozenset({"1", "t", "true"})
_INTERPRETER = re.compile(r"python[0-9.]*")


def judge(process: Process, rules: Rules) -> Verdict:
    """Do the flags close every sink? Raises Unproven."""
    if not rules.program.fullmatch(_program(process.arguments)) or rules.command not in ("", *process.arguments):
        raise Unproven(Reason.OTHER_PROGRAM)
    options = list(_options(process.arguments, rules))
    if any(_opens(name, value, rules) for name, value in options):
        raise Unproven(Reason.FLAG_OPENS)
    if not all(_given(switch, options, rules) for switch in rules.closed):
        raise Unproven(Reason.FLAG_MISSING)
    _look_at(process.environ, rules)
    if rules.silent and set(process.outputs) != {NOWHERE}:
        raise Unproven(Reason.PRINTS)
    return PROVEN


def _program(arguments: tuple[str, ...]) -> str:
    """Its base name; of a script or a module, if an interpreter runs one."""
    names = [PurePosixPath(argument).name for argument in arguments]
    if names and _INTERPRETER.fullmatch(names[0]):
        return next((name for name in names[1:] if not name.startswith("-")), "")
    return names[0] if names else ""


def _options(arguments: Iterable[str], rules: Rules) -> Iterable[tuple[str, str]]:
    """Options with what follows them, which may be their value."""
    words = list(arguments)
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if not word.startswith("-"):
            continue
        name, equals, value = word.partition("=")
        if rules.underscores:
            name = name.replace("_", "-")
        if rules.beginnings:  # `--config.key value` sets a part of what `--config` takes
            name = name.partition(".")[0]
        yield name, value if equals else following


def _opens(name: str, value: str, rules: Rules) -> bool:
    if name in rules.most:
        return not value.isdecimal() or int(value) > rules.most[name]
    for option, words in rules.holding.items():
        if (name == option or _shortens(name, option, rules)) and any(word in value for word in words):
            return True
    return name in rules.opening or any(_shortens(name, option, rules) for option in rules.opening)


def _given(switch: Switch, options: list[tuple[str, str]], rules: Rules) -> bool:
    """The last word on it counts."""
    closed = False
    for name, value in options:
        if name in switch.given:
            closed = switch.value in (None, value)
        elif name in switch.back or any(_shortens(name, option, rules) for option in switch.back):
            closed = False
    return closed


def _shortens(name: str, option: str, rules: Rules) -> bool:
    return rules.beginnings and len(name) > len("--") and option.startswith(name)


def _look_at(environ: Mapping[str, str], rules: Rules) -> None:
    def said(name: str) -> str:
        return environ.get(name, "").strip(" \"'").casefold()

    opened = any(said(name) not in _FALSE for name in rules.off) or any(name in environ for name in rules.unset)
    if opened or any(said(name) not in ("", value) for name, value in rules.must.items()):
        raise Unproven(Reason.FLAG_OPENS)
    if not all(said(name) for name in rules.must):
        raise Unproven(Reason.FLAG_MISSING)
    if not all(any(said(name) in _TRUE for name in group) for group in rules.on):
        raise Unproven(Reason.FLAG_MISSING)
