"""Answers that a client in another process asks for by a word in its prompt: `scenario=NAME.`"""

import re

from lethe.ir.content import Dialect
from lethe.upstream.fake import Hang, Recorded, anthropic, openai_chat
from lethe.upstream.fake.model import Model
from lethe.upstream.fake.replies import broken, stalled
from lethe.upstream.fake.said import Called, Said, say
from lethe.upstream.fake.script import Script

WORD = re.compile(rb"scenario=(\w+)\.")
CALLS = (Called("t1", "look", '{"at": "left"}'), Called("t2", "look", '{"at": "right"}'))
LAKE = say("a ", "lake")


class Scenarios:
    """An answer for one dialect; `busy` fails once and then succeeds."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._busy = False
        self._model = Model(dialect, tool="none", arguments="{}", marker="a lake")

    def __call__(self, request: Recorded) -> Script:
        found = WORD.search(request.body)
        if request.method != "POST" or found is None or request.path.endswith(("count_tokens", "embeddings")):
            return self._model(request)
        stream = bool(request.json().get("stream"))
        match found[1]:
            case b"tools" if b"tool_result" in request.body or b'"role":"tool"' in request.body:
                return self._reply(say("two things"), stream=stream)
            case b"tools":
                return self._reply(Said(calls=CALLS), stream=stream)
            case b"json":
                return self._reply(say('{"name": "lake", ', '"trees": 3}'), stream=stream)
            case b"limited":
                return self._error(429, "the upstream says why", ("retry-after", "7"))
            case b"busy":
                self._busy = not self._busy
                return (
                    self._error(500, "wait", ("retry-after", "0.05"))
                    if self._busy
                    else self._reply(LAKE, stream=stream)
                )
            case b"hang":
                return (Hang(),)
            case b"broken" if self._dialect is Dialect.ANTHROPIC:
                return broken(anthropic.frames(LAKE), anthropic.error_event("overloaded_error", "busy now"))
            case b"broken":
                return broken(openai_chat.frames(LAKE), openai_chat.error_event("busy now"))
            case b"stalled":
                return stalled(self._frames(say("a ", "lake", " and ", "more")))
            case _:
                return self._reply(LAKE, stream=stream)

    def _frames(self, said: Said) -> list[bytes]:
        return anthropic.frames(said) if self._dialect is Dialect.ANTHROPIC else openai_chat.frames(said)

    def _reply(self, said: Said, *, stream: bool) -> Script:
        if self._dialect is Dialect.ANTHROPIC:
            return anthropic.streamed(said) if stream else anthropic.buffered(said)
        return openai_chat.streamed(said) if stream else openai_chat.buffered(said)

    def _error(self, status: int, text: str, *headers: tuple[str, str]) -> Script:
        if self._dialect is Dialect.ANTHROPIC:
            return anthropic.error(status, text, *headers)
        return openai_chat.error(status, text, *headers)
