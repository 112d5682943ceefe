"""Tool names that an upstream's API would refuse, made to fit without remembering anything.

A name that does not fit becomes its readable beginning and a hash of the whole, always the same; what the reply's
calls are named after follows from the request's own tools.
"""

import re
from collections.abc import Mapping
from hashlib import sha256

from msgspec.structs import replace

from lethe.ir.content import ContentBlock, Dialect, ToolCall
from lethe.ir.request import Request

# The longest name of each API; all take letters, digits, `_` and `-`. OpenAI: openai 3.57.0, FunctionDefinition.
# Anthropic: API reference of `tools[].name`, ^[a-zA-Z0-9_-]{1,128}$. Converse: botocore 1.44.8, ToolName.
# Gemini: the API reference of FunctionDeclaration says 64 and google-genai 3.6.1 128, so the shorter.
LONGEST: Mapping[Dialect, int] = {
    Dialect.ANTHROPIC: 128,
    Dialect.OPENAI_CHAT: 64,
    Dialect.OPENAI_RESPONSES: 64,
    Dialect.CONVERSE: 64,
    Dialect.GEMINI: 64,
}
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
_FOREIGN_TO_GEMINI = re.compile(r"[^a-zA-Z0-9_.:-]|^[^a-zA-Z_]")
_HASH_DIGITS = 10  # of 4 bits: names of one beginning in one request hardly meet


def fit(request: Request, target: Dialect) -> tuple[Request, Mapping[str, str]]:
    """The request with names that `target` takes, and the caller's name by each name put in its place."""
    known = _names(request)
    names = {name: short for name in known if (short := fitting(name, target)) != name} if known else {}
    if not names:
        return request, {}
    tools = tuple(t if t.native else replace(t, name=names.get(t.name, t.name)) for t in request.tools)
    turns = tuple(replace(t, content=tuple(renamed(b, names) for b in t.content)) for t in request.turns)
    choice = request.tool_choice
    if choice is not None and choice.name in names:
        choice = replace(choice, name=names[choice.name])
    return replace(request, tools=tools, turns=turns, tool_choice=choice), {s: n for n, s in names.items()}


def fitting(name: str, target: Dialect) -> str:
    """The name itself where it fits."""
    longest, foreign = LONGEST[target], _FOREIGN_TO_GEMINI if target is Dialect.GEMINI else _FOREIGN
    if 0 < len(name) <= longest and not foreign.search(name):
        return name
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return f"{foreign.sub('_', name)[: longest - _HASH_DIGITS - 1]}_{digest}"


def renamed(block: ContentBlock, names: Mapping[str, str]) -> ContentBlock:
    """The block, a call under the name that stands for its own in `names`."""
    if isinstance(block, ToolCall) and block.name in names:
        return replace(block, name=names[block.name])
    return block


def _names(request: Request) -> set[str]:
    """Of functions, in tools, choice and history; a provider's own tools keep their names."""
    names = {tool.name for tool in request.tools if tool.native is None}
    if request.tool_choice is not None and request.tool_choice.name is not None:
        names.add(request.tool_choice.name)
    for turn in request.turns:
        for block in turn.content:
            if isinstance(block, ToolCall):
                names.add(block.name)
    return names
