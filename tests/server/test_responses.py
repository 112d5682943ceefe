"""Responses in front, behind, and both: the same answer reaches every caller from every upstream."""

import json
from itertools import product
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter
from tests.server.rig import ANTHROPIC, CHAT, PATH, RESPONSES, Reply, data_of, error_in, request, serving, upstream

from lethe.ir.content import Dialect
from lethe.routing.table import Route, Target
from lethe.upstream.fake import Fake, Script
from lethe.upstream.fake.model import WIRES
from lethe.upstream.fake.said import Called, Said

GRID = [pair for pair in product((ANTHROPIC, CHAT, RESPONSES), repeat=2) if RESPONSES in pair]
GRID_IDS = [f"{caller}<-{source}" for caller, source in GRID]
STREAM = pytest.mark.parametrize("streaming", [False, True], ids=["buffered", "stream"])
CALL = Called("call_1", "look", '{"at": "left"}')
SAID = Said(text=("a ", "lake"), thinking="which one", calls=(CALL,), input=10, cached=5, output=7)
_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_REQUEST: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsNonStreaming)


def scripted(dialect: Dialect, said: Said, *, streaming: bool) -> Script:
    wire = WIRES[dialect]
    script: Script = wire.streamed(said) if streaming else wire.buffered(said)
    return script


def response(reply: Reply) -> dict[str, Any]:
    """A Responses caller's answer: whole, or as the last event tells it; every event is valid and numbered."""
    assert reply.status == 200, reply.body
    if reply.headers["content-type"] == "application/json":
        return Response.model_validate(reply.json()).model_dump(mode="json", exclude_none=True)
    events = data_of(reply.body)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        _EVENT.validate_python(event)
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] == "response.completed"
    return Response.model_validate(events[-1]["response"]).model_dump(mode="json", exclude_none=True)


def heard(reply: Reply, caller: Dialect, *, streaming: bool) -> list[str]:
    """The words, thoughts and calls that stand in an answer, wherever the dialect puts them."""
    if caller is RESPONSES:
        output = response(reply)["output"]
        said = [part["text"] for item in output if item["type"] == "message" for part in item["content"]]
        thought = [part["text"] for item in output if item["type"] == "reasoning" for part in item["summary"]]
        calls = [f"{i['call_id']} {i['name']} {i['arguments']}" for i in output if i["type"] == "function_call"]
        return [*thought, *said, *calls]
    assert reply.status == 200, reply.body
    told = reply.body.decode() if not streaming else "".join(map(json.dumps, data_of(reply.body)))
    assert all(word in told for word in ("which one", "lake", "call_1", "look"))
    return ["which one", "a lake", f"call_1 look {CALL.arguments}"]


@STREAM
@pytest.mark.parametrize(("caller", "source"), GRID, ids=GRID_IDS)
async def test_every_caller_hears_every_upstream(caller: Dialect, source: Dialect, *, streaming: bool) -> None:
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer(scripted(source, SAID, streaming=streaming))
        reply = await rig.ask("POST", PATH[caller], request(caller, stream=streaming))
        told = heard(reply, caller, streaming=streaming)
        assert [json.loads(t[12:]) if t.startswith("call_1 look ") else t for t in told] == [
            "which one",
            "a lake",
            {"at": "left"},
        ]
        assert fake.requests[0].path == PATH[source]
        if source is RESPONSES:
            body = fake.requests[0].json()
            _REQUEST.validate_python({k: v for k, v in body.items() if k != "stream"})
            assert body["store"] is False
        event = await rig.events.one()
        assert (event.input, event.cache_read, event.output, event.status) == (10, 5, 7, 200)
        assert event.translated is (caller is not source)


STATE: list[tuple[dict[str, Any], str]] = [
    ({"previous_response_id": "resp_CANARY"}, "$.previous_response_id"),
    ({"conversation": "conv_CANARY"}, "$.conversation"),
    ({"background": True}, "$.background"),
    ({"store": True}, "$.store"),
    ({"input": [{"type": "item_reference", "id": "CANARY"}]}, "$.input[0]"),
]


@pytest.mark.parametrize("source", [ANTHROPIC, CHAT], ids=str)
@pytest.mark.parametrize(("held", "path"), STATE, ids=[path for _, path in STATE])
async def test_state_is_refused_where_it_cannot_be_held(held: dict[str, Any], path: str, source: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        reply = await rig.ask("POST", PATH[RESPONSES], {**request(RESPONSES), **held})
        assert reply.status == 400
        assert path in error_in(reply, RESPONSES)["message"]
        assert b"CANARY" not in reply.body
        assert not fake.requests


async def test_a_route_that_allows_losses_does_not_allow_that() -> None:
    allow = Route(model="*", to=(Target(0),), allow_losses=True)
    async with Fake() as fake, serving([upstream("up", fake, CHAT)], [allow]) as rig:
        reply = await rig.ask("POST", PATH[RESPONSES], request(RESPONSES, previous_response_id="resp_1"))
        assert reply.status == 400
        assert not fake.requests


@pytest.mark.parametrize("level", ["C", "B"])
async def test_its_own_upstream_is_asked_for_no_state_either(level: str) -> None:
    async with Fake() as fake, serving([upstream("up", fake, RESPONSES)]) as rig:
        for held in ({"previous_response_id": "resp_1"}, {"conversation": "c"}, {"background": True}):
            reply = await rig.ask("POST", PATH[RESPONSES], request(RESPONSES, **held), x_lethe_level=level)
            assert reply.status == 400
            assert f"$.{next(iter(held))}" in error_in(reply, RESPONSES)["message"]
        assert not fake.requests


@STREAM
@pytest.mark.parametrize("source", [ANTHROPIC, CHAT], ids=str)
async def test_a_custom_tool_gets_its_text_back(source: Dialect, *, streaming: bool) -> None:
    said = Said(calls=(Called("call_1", "patch", json.dumps({"input": "*** Begin"})),))
    tools = [{"type": "custom", "name": "patch", "description": "Patch."}]
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer(scripted(source, said, streaming=streaming))
        reply = await rig.ask("POST", PATH[RESPONSES], request(RESPONSES, stream=streaming, tools=tools))
        (call,) = response(reply)["output"]
        assert (call["type"], call["call_id"], call["name"], call["input"]) == (
            "custom_tool_call",
            "call_1",
            "patch",
            "*** Begin",
        )
