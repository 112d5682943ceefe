"""What fuzzing has found, each as a small case of its target; all are mended."""

import pytest
from tests.fuzz.targets import every, targets

TARGETS = targets(every)
DEEP = 100_000
# A depth that can be read and, some calls further down the stack, not be written.
EDGE = range(880, 1000)

FOUND: dict[str, tuple[str, bytes]] = {
    "a reply that is no UTF-8": ("reply anthropic", b'{"id":"\xff","content":[]}'),
    "usage that is no UTF-8": ("reply openai-chat", b'{"choices":[],"usage":{"\xed\xa0\x80":0}}'),
    "usage of a reply that is no UTF-8": ("reply openai-responses", b'{"output":[],"usage":{"\xed\xa0\x80":0}}'),
    "usage of a stream that is no UTF-8": ("stream openai-chat", b'data: {"choices":[],"usage":{"\xc3":1}}\n\n'),
    "half a surrogate pair for an object": ("reply anthropic", b'{"type":"message","content":[],"usage":"\\ud800"}'),
    "half a surrogate pair for a number": ("request anthropic", b'{"model":"m","messages":[],"max_tokens":"\\ud800"}'),
    "half a surrogate pair for a number of Chat's": (
        "request openai-chat",
        b'{"model":"m","messages":[],"max_tokens":"\\udfff"}',
    ),
    "a type that is a list": ("request openai-responses", b'{"model":"m","input":[{"type":[]}]}'),
    "a type that is an object": ("request openai-responses", b'{"model":"m","input":[{"type":{}}]}'),
    "a number beyond all bounds, beside half a pair": ("error openai-responses", b'{"error":{"code":-1e400,"\\ud800":1}}'),
    "an error too deep to be repeated": ("error openai-responses", b'{"error":{"message":"x","a":' + b"[" * 960 + b"]" * 960 + b"}}"),
    "an event too deep to be read": (
        "stream anthropic",
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"","a":'
        + b"[" * DEEP + b"]" * DEEP + b"}}\n\n",
    ),
    "a chunk too deep to be read": (
        "stream openai-chat",
        b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: {"choices":[{"delta":{"content":"b"}}],"id":'
        + b"[" * DEEP + b"]" * DEEP + b"}\n\n",
    ),
    "a mode that is an object": (
        "request gemini",
        b'{"model":"m","contents":[],"toolConfig":{"functionCallingConfig":{"mode":{}}}}',
    ),
    "a schema that is a number": (
        "request gemini",
        b'{"model":"m","contents":[],"tools":[{"functionDeclarations":[{"name":"f","parameters":5}]}]}',
    ),
    "a count that Python takes for digits": (
        "request gemini",
        '{"model":"m","contents":[],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"minItems":"²"}}]}]}'.encode(),
    ),
    "a name of a tool's field that would split a header": (
        "request gemini",
        b'{"model":"m","contents":[],"tools":[{"a\\r\\nb: c":{}}]}',
    ),
    "counts where a candidate stands": (
        "events gemini",
        b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP","usageMetadata":0}]}\n\n',
    ),
    "counts where the end of a message stands": (
        "events anthropic",
        b'data: {"type":"message_start","message":{"content":[]}}\n\ndata: {"type":"message_delta","delta":{"usage":"x"}}\n\ndata: {"type":"message_stop"}\n\n',
    ),
    "a mark of ours in a part": (
        "request openai-responses",
        b'{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"x"},{"type":"input_text","text":"x","message":5}]}]}',
    ),
    "a mark of ours in a part of Chat's": (
        "request openai-chat",
        b'{"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"x","role":"system","message":"x"}]}]}',
    ),
    "a mark of ours in a tool": (
        "request openai-responses",
        b'{"model":"m","input":"x","tools":[{"type":"function","name":"f","namespace":"n","about_namespace":"x"}]}',
    ),
    "a probability that is a number": (
        "reply openai-chat",
        b'{"choices":[{"message":{"content":"Hi"},"logprobs":{"content":[{"token":"Hi","logprob":-1},7]}}]}',
    ),
    "a message beside deltas": (
        "stream openai-chat",
        (b'data: {"id":"x","choices":[{"index":0,"message":"CANARY","delta":{"content":"a","x":1},"finish_reason":"stop"}]}\n\n'
        b"data: [DONE]\n\n"),
    ),
    "choices numbered in words": (
        "reply openai-chat",
        b'{"choices":[{"index":"a","message":{"content":"x"}},{"index":1,"message":{"content":"y"}}]}',
    ),
    "a call without an id before one with": (
        "stream openai-chat",
        (b'data: {"id":"x","choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}}]}\n\n'
        b'data: {"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]},'
        b'"finish_reason":"tool_calls"}]}\n\n'),
    ),
    "a result that is a list": (
        "request gemini",
        b'{"model":"m","contents":[{"role":"user","parts":[{"functionResponse":[{"name":"f"}]}]}]}',
    ),
    "a text of a result that is an object": (
        "request gemini",
        b'{"model":"m","contents":[{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"x"},"parts":[{"text":{}}]}}]}]}',
    ),
    "a part that looks like a call": (
        "reply openai-responses",
        b'{"output":[{"type":"message","content":[{"type":"function_call"},{"type":"refusal","refusal":"x"}]}]}',
    ),
    "a body too deep to be read": ("request anthropic", b'{"model":"m","messages":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "blanks behind a value": ("callers", b"GET / HTTP/1.1\r\nhost: h\r\nauthorization: Bearer k \t\r\n\r\n"),
    "a coding that nobody undoes": (
        "callers",
        b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    ),
    "a coding that nobody undoes, in a line of its own": (
        "callers",
        b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    ),
    "a request line without a version": ("callers", b"POST /a\ncontent-length: 1\r\n\r\na"),
    "a head that is kept after its refusal": ("callers", b"GET / HTTP/1.1\r\nhost: h\r\nx-api-key: k\r\nx\r\n\r\n"),
    "a head of ours that is kept": (
        "callers",
        b"POST /unread HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 1000\r\n\r\n" + b"hello" * 100,
    ),
    "blanks behind a value of an upstream's": ("answers", b"HTTP/1.1 204 No\r\ncontent-type: text/event-stream \t\r\n\r\n"),
    "chunks of chunks from an upstream": (
        "answers",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    ),
    "a trailer that closes": (
        "answers",
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nconnection: close\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
    ),
}  # fmt: skip
REPEATED: dict[str, tuple[str, bytes, bytes]] = {
    "a leftover of a stream too deep to be written": (
        "stream openai-chat",
        b'data: {"id":"x","choices":[{"delta":{"content":"a"},"x":',
        b"}]}\n\n",
    ),
    "usage too deep to be written": ("reply anthropic", b'{"type":"message","content":[],"usage":{"a":', b"}}"),
    "a time too deep to be written": ("reply openai-chat", b'{"choices":[{"message":{}}],"created":', b"}"),
    "a field too deep to be written": ("request openai-chat", b'{"model":"m","messages":[],"n":', b"}"),
    "a type too deep to be read once more": (
        "request openai-responses",
        b'{"model":"m","input":[{"type":',
        b',"role":"user"}]}',
    ),
    "a tool's input too deep to be written": (
        "request anthropic",
        b'{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"f","input":{"a":',
        b"}}]}]}",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    target, data = FOUND[name]
    TARGETS[target].check(data)


@pytest.mark.parametrize("name", REPEATED)
def test_found_near_the_end_of_the_stack(name: str) -> None:
    target, before, after = REPEATED[name]
    for depth in EDGE:
        TARGETS[target].check(before + b'{"a":' * depth + b"1" + b"}" * depth + after)
        TARGETS[target].check(before + b"[" * depth + b"]" * depth + after)
