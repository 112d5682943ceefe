"""Real leaks of other proxies, each as a case: where the secret stood, and what the upstream did.

The ids are those under which the leaks are known here; `docs/security-model.md` says what they have in common.
"""

from collections.abc import Sequence

from msgspec import Struct
from tests.leaks import answers, plants
from tests.leaks.answers import Answer
from tests.leaks.plants import Plant

from lethe.providers.envelopes import Endpoint


class Case(Struct, frozen=True):
    """`stopped`: no upstream may see the secret. `dead`: asked once more where nobody listens."""

    id: str
    about: str
    request: tuple[Plant, ...] = (plants.text,)
    answer: Answer = answers.plain
    stopped: bool = False
    endpoints: Sequence[str] = (Endpoint.MESSAGES, Endpoint.CHAT, Endpoint.RESPONSES, Endpoint.GENERATE)
    dead: bool = False


INPUT_TOKENS, TOKENS_OF_GEMINI = "input_tokens", "count_tokens_of_gemini"  # counting, in other dialects
THREADS = (Endpoint.MESSAGES, Endpoint.RESPONSES)
COUNTING = (
    Endpoint.MESSAGES,
    Endpoint.CHAT,
    Endpoint.RESPONSES,
    Endpoint.GENERATE,
    Endpoint.COUNT_TOKENS,
    INPUT_TOKENS,
    TOKENS_OF_GEMINI,
    Endpoint.EMBEDDINGS,
)

CASES: tuple[Case, ...] = (
    Case("L1", "requests logged unless that is turned off"),
    Case("L2", "an equivalent curl command logged, messages included", (plants.text, plants.system)),
    Case("L3", "answers redacted when buffered, not when streamed"),
    Case("L4", "one sink of many without redaction for streams", (plants.text, plants.tool)),
    Case("L5", "a setting that came as text and counted as unset"),
    Case("L6", "thinking not redacted", (plants.thinking,)),
    Case("L7", "summaries of thinking not redacted", (plants.thinking, plants.text)),
    Case("L8", "tool arguments and tool names in records of spending", (plants.tool,)),
    Case("L10", "a header of the caller that turns redaction off", (plants.headers,), stopped=True),
    Case("L11", "failures recorded with the whole prompt", (plants.text, plants.system), answers.failure(500)),
    Case("L12", "a malformed body kept in the error's own text", (plants.wrong_type,)),
    Case("L13", "a provider's key in a traceback", answer=answers.failure(401), dead=True),
    Case("L14", "a policy's verdict stored with prompt and bearer token", (plants.text, plants.unknown, plants.bearer)),
    Case("L15", "the matched text stored with a finding", (plants.unknown,)),
    Case("L16", "the raw body kept beside the cleaned one", (plants.unknown, plants.system)),
    Case("L17", "bodies of endpoints that are only passed through", (plants.text,), endpoints=COUNTING),
    Case("L18", "a tracing span with the raw request that no switch turned off"),
    Case("L19", "exceptions that kept messages in memory", (plants.text, plants.system), answers.garbled),
    Case("L20", "caches that answered one tenant with another's data"),
    Case("L21", "a redaction header that had become a no-op", (plants.headers, plants.text)),
    Case("L22", "redaction for one sink that changed the request for others", answer=answers.failure(529)),
    Case(
        "L23", "conversations stored so that callers may send less", (plants.thread,), stopped=True, endpoints=THREADS
    ),
    Case("L23", "conversations stored because the caller said so", (plants.thread,), endpoints=(Endpoint.CHAT,)),
    Case("L24", "a verbose mode that prints keys and messages", (plants.text, plants.bearer)),
    Case("L25", "a switch for storing prompts that worked neither way"),
    Case("L26", "cookies kept for all callers, redirects followed, cores", answer=answers.cookie),
    Case("L26", "uploads spooled", (plants.multipart,), stopped=True),
    Case("M1", "an upstream's 400 that quotes the prompt, in a traceback", answer=answers.failure(400)),
    Case("M2", "an upstream's 500 that quotes the prompt, in a traceback", answer=answers.failure(500)),
    Case("M3", "an answer that is not JSON, quoted", answer=answers.not_json),
    Case("M4", "an error event in mid-stream, quoted", answer=answers.failing),
    Case(
        "M5", "the same 400 on the other front, in two more places", (plants.text, plants.system), answers.failure(400)
    ),
    Case("M6", "any of these as attributes of a span", answer=answers.failure(429)),
    Case("M7", "labels, headers and user ids in spans", (plants.person, plants.headers), stopped=True),
    Case("M8", "query strings in access logs", (plants.query,), stopped=True),
    Case("M8", "paths in access logs", (plants.path,), stopped=True),
    Case("M8", "model names in access logs", (plants.model,), stopped=True),
    Case(
        "M9",
        "stop sequences, tool descriptions, refusals, sealed content",
        (plants.stops, plants.tool, plants.thinking),
    ),
    Case("M10", "what a redactor by field names overlooked", (plants.image,), answers.decorated),
    Case("E1", "debug redaction for some endpoints, not for counting", (plants.text,), endpoints=COUNTING),
    Case("E2", "credentials in the debug logs of libraries", (plants.wrong_key,), stopped=True),
    Case("E3", "error bodies on spans in spite of a switch", answer=answers.html),
    Case("E4", "length and unsalted hash in place of the text", (plants.text, plants.system)),
    Case("E5", "redaction that a later version took back", (plants.text, plants.tool)),
    Case("E6", "headers in debug logs", (plants.headers,), stopped=True),
    Case("H1", "an older endpoint that a switch did not cover", (plants.text, plants.path), stopped=True),
    Case("H2", "error bodies printed to stderr", answer=answers.failure(404)),
    Case("A1", "the first characters of a message on every span"),
    Case("A2", "whole bodies at level info", (plants.text, plants.image)),
    Case("A3", "error bodies at level warning", answer=answers.failure(403)),
    Case("P1", "a public page with everybody's requests"),
    Case("P2", "an event printed because it could not be parsed", answer=answers.garbled),
    Case("O1", "the text of an exception in a usage record", answer=answers.cut),
    Case("O2", "prompts remembered for routing, files kept", (plants.text, plants.image)),
    Case("B1", "a content switch for one store only", (plants.text, plants.system)),
    Case("B2", "input of embeddings overlooked", endpoints=(Endpoint.EMBEDDINGS,)),
    Case("B3", "error bodies logged without the switch", answer=answers.failure(503)),
    Case("B4", "tool arguments in the logs of plugins", (plants.tool,)),
    Case("B5", "content logging that was on by default", (plants.text, plants.thinking)),
    Case(
        "K1",
        "bodies and authorization in the error log",
        (plants.text, plants.malformed, plants.bearer),
        stopped=True,
    ),
    Case("K2", "request bodies recorded on failure", answer=answers.cut, dead=True),
    Case("S1", "prompts in crash reports although that was off", answer=answers.garbled),
    Case("X1", "a context overflow that quotes the upstream", answer=answers.overflow),
    Case("X2", "a public stream of logs", answer=answers.failing),
    Case("X3", "debug files kept for a week", (plants.text, plants.tool), answers.not_json),
    Case("X4", "a preview of the question in logs"),
    Case("X5", "an API key in a logged URL", (plants.query, plants.text), stopped=True),
    Case("X6", "payload logging left on at a gateway behind", (plants.headers,), stopped=True),
    Case("U1", "a stateless request turned into one that is stored"),
    Case("U2", "the same, in another gateway", (plants.text, plants.system)),
    Case("U3", "the same, honestly labelled, but for one thing", (plants.text, plants.tool)),
    Case("U4", "an attested enclave that stored prompts at its provider", (plants.text, plants.thinking)),
    Case("U5", "a caller's wish not to store, overridden", (plants.text,)),
    Case("T1", "an exception's text and a hash of the prompt in the log of an enclave", answer=answers.failure(500)),
    Case("T2", "payloads in artefacts of a public run", (plants.text, plants.tool)),
    Case("T3", "decrypted headers logged by a tunnel", (plants.headers,), stopped=True),
    Case("T4", "the caller's model name kept for failed requests", (plants.model,), stopped=True),
)
