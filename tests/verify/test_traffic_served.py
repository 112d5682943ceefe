"""Traffic through a data plane in this process, and through a real instance; and that a fault of either shows."""

import signal
import socket
from functools import partial
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.verify import ground
from tests.verify.ground import far, near

from lethe.errors import FirstByteTimeout, InternalFault, UnknownModel
from lethe.providers.upstream import Auth
from lethe.server.exchange import Exchange
from lethe.server.inference import Inference
from lethe.verify import traffic
from lethe.verify.caller import Caller, Heard
from lethe.verify.canary import Mint, Where
from lethe.verify.cases import Case, pairs
from lethe.verify.instance import NotServing
from lethe.verify.modes import UNREACHABLE, Front, Mode
from lethe.verify.positions import DELICATE, MAY_END_HERE, ORDINARY, Position


def positions(mint: Mint, where: Where) -> set[str]:
    return {canary.position for canary in mint.canaries if where in mint.seen.get(canary.text, ())}


ANSWERS = {position for position in Position if position.startswith("answer-")}


def test_every_position_is_filled_and_every_canary_gets_where_it_should() -> None:
    mint = ground.mint()
    with near(ground.settings()) as (site, upstreams):
        account = traffic.drive(site, upstreams, mint, quick=True)
    assert (account.hits, account.faults, account.unserved) == ((), (), ())
    assert mint.unseen() == []
    assert {canary.position for canary in mint.canaries} == set(Position)
    assert positions(mint, Where.UPSTREAM) >= {*ORDINARY, Position.MODEL, Position.IMAGE, Position.FILENAME}
    assert positions(mint, Where.CLIENT) >= ANSWERS - MAY_END_HERE
    assert account.served > 20


BEDROCK = 'provider = "bedrock"\nregion = "eu-west-1"\nauth = "aws"\n'
OTHERS = {
    "responses": 'dialect = "openai-responses"\nbase_url = "http://127.0.0.1:1/v1"\napi_key = "env:R"\n',
    "gemini": 'dialect = "gemini"\nbase_url = "http://127.0.0.1:1"\napi_key = "env:G"\n',
    "converse": BEDROCK,
    "invoke": BEDROCK + 'dialect = "anthropic"\n',
    "vertex-claude": 'provider = "vertex"\nproject = "acme-ai"\nregion = "eu"\ndialect = "anthropic"\n',
    "vertex-gemini": 'provider = "vertex"\nproject = "acme-ai"\nregion = "eu"\n',
    "cloudflare": f'provider = "cloudflare"\naccount = "{"0" * 32}"\ngateway = "mine"\ndialect = "anthropic"\n'
    'api_key = "env:K"\ngateway_key = "env:G"\nclass = "U6"\nreason = "a scripted one"\n',
    "azure": 'provider = "azure"\nbase_url = "https://r.openai.azure.com"\napi_version = "2024-10-21"\nauth = "azure"\n',
}
# What these have no place for.
LACKING = {
    "responses": {Position.STOP},
    **{name: {Position.CALL_ID, Position.CALLED} for name in ("gemini", "vertex-gemini")},
}


@pytest.mark.parametrize("name", OTHERS)
def test_an_upstream_of_each_kind_gets_and_gives_all_that_it_can_hold(name: str) -> None:
    mint = ground.mint()
    told = ground.settings("C", f"[upstreams.{name}]\n{OTHERS[name]}models = ['r-*']\n")
    only = replace(told, plan=replace(told.plan, upstreams=told.plan.upstreams[2:], routes=()))
    with near(only) as (site, upstreams):
        account = traffic.drive(site, upstreams, mint, quick=True)
    assert (account.hits, account.faults, account.unserved) == ((), (), ())
    assert mint.unseen() == []
    assert positions(mint, Where.UPSTREAM) >= {*ORDINARY} - LACKING.get(name, set())
    assert positions(mint, Where.CLIENT) >= ANSWERS - MAY_END_HERE - LACKING.get(name, set())
    assert account.served > 5


def served(front: Front, *, stream: bool = False, mode: Mode = Mode.SERVED) -> Case:
    return Case(front=front, mode=mode, pair=pairs(ground.settings().plan)[0], stream=stream)


def test_content_that_does_not_travel_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that loses the system prompt would prove nothing about system prompts."""
    plain = Inference.answer

    async def answer(inference: Inference, exchange: Exchange, raw: bytes) -> None:
        await plain(inference, exchange, msgspec.json.encode({**msgspec.json.decode(raw), "system": "other"}))

    monkeypatch.setattr(Inference, "answer", answer)
    mint = ground.mint()
    with near(ground.settings()) as (site, upstreams):
        traffic.follow(site, upstreams, mint, [served(Front.MESSAGES)])
    assert Position.SYSTEM in {canary.position for canary in mint.unseen()}


def test_what_has_not_arrived_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy elsewhere lets waits end too early."""
    plain = Inference.answer
    asked: list[bytes] = []

    async def answer(inference: Inference, exchange: Exchange, raw: bytes) -> None:
        asked.append(raw)
        if len(asked) == 1:
            raise FirstByteTimeout
        await plain(inference, exchange, raw)

    monkeypatch.setattr(Inference, "answer", answer)
    mint = ground.mint()
    with near(ground.settings()) as (site, upstreams):
        account = traffic.follow(site, upstreams, mint, [served(Front.MESSAGES)])
    assert (len(asked), account.requests, account.served, mint.unseen()) == (2, 2, 1, [])


def test_a_cache_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    mint = ground.mint()
    second = served(Front.MESSAGES, mode=Mode.SECOND)
    with near(ground.settings()) as (site, upstreams):
        assert traffic.follow(site, upstreams, mint, [second]).faults == ()
        asked = Caller.ask
        answers: dict[bytes, Heard] = {}

        async def cached(caller: Caller, data: bytes, **more: Any) -> Heard:
            if data not in answers:
                answers[data] = await asked(caller, data, **more)
            return answers[data]

        monkeypatch.setattr(Caller, "ask", cached)
        faults = traffic.follow(site, upstreams, mint, [second]).faults
    assert [fault.rpartition(": ")[2] for fault in faults] == ["a second identical request did not reach the upstream"]


@pytest.mark.parametrize("level", ["C", "B"])
def test_a_caller_who_brings_an_account_of_its_own_may(level: str) -> None:
    mint = ground.mint()
    of = ground.settings(level)
    forwarding = tuple(replace(each, auth=Auth.FORWARD, credential=None) for each in of.plan.upstreams)
    chosen = [
        Case(front=front, mode=Mode.DELICATE, pair=pair, delicate=position)
        for pair in pairs(replace(of.plan, upstreams=forwarding))
        for front in (Front.MESSAGES, Front.CHAT)
        for position in (Position.KEY, Position.METADATA)
    ]
    with near(replace(of, plan=replace(of.plan, upstreams=forwarding))) as (site, upstreams):
        account = traffic.follow(site, upstreams, mint, chosen)
    assert account.hits == ()
    assert mint.unseen() == []
    assert Position.KEY in positions(mint, Where.UPSTREAM)


def test_a_failure_of_our_own_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(*_: Any) -> None:
        raise UnknownModel("fails") if broken == UnknownModel else InternalFault

    broken: type[Exception] = UnknownModel
    monkeypatch.setattr(Inference, "answer", answer)
    with near(ground.settings()) as (site, upstreams):
        assert traffic.follow(site, upstreams, ground.mint(), [served(Front.CHAT)]).faults == ()
        broken = InternalFault
        faults = traffic.follow(site, upstreams, ground.mint(), [served(Front.CHAT)]).faults
    assert [fault.rpartition(": ")[2] for fault in faults] == ["failed inside the proxy"]


def test_upstreams_that_fail_must_be_there() -> None:
    mint = ground.mint()
    with near(ground.settings()) as (site, upstreams):
        bare = replace(site.plan, upstreams=site.plan.upstreams[:2])
        site.plan = bare
        chosen = [served(Front.MESSAGES, mode=mode) for mode in sorted(UNREACHABLE)]
        faults = traffic.follow(site, upstreams, mint, chosen).faults
    assert sorted(fault.partition(":")[0] for fault in faults) == sorted(UNREACHABLE)


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    chosen = [served(Front.MESSAGES), served(Front.CHAT)]
    with near(ground.settings()) as (site, upstreams):
        traffic.follow(site, upstreams, ground.mint(), chosen, lambda *at: told.append(at))
    assert told == [("requests", 1, 2), ("requests", 2, 2)]


@pytest.mark.parametrize(
    "level", ["C", pytest.param("B", marks=pytest.mark.slow), pytest.param("A2", marks=pytest.mark.slow)]
)
def test_a_real_instance_lets_nothing_astray(level: str) -> None:
    mint = ground.mint()
    with far(ground.settings(level, ground.KEY)) as (instance, upstreams):
        account = traffic.drive(instance, upstreams, mint, quick=True)
        said = b"".join(capture.data for capture in (*instance.stdout, *instance.stderr))
    assert (account.hits, account.faults, account.unserved) == ((), (), ())
    assert mint.unseen() == []
    assert mint.tag.encode() not in said
    assert positions(mint, Where.UPSTREAM) >= set(ORDINARY)
    assert positions(mint, Where.LETHE) >= {Position.METADATA, Position.QUERY, Position.KEY, Position.WRONG_KEY}


@pytest.mark.slow
@pytest.mark.parametrize("level", ["C", "B", "A2"])
def test_the_whole_matrix_lets_nothing_astray(level: str) -> None:
    mint = ground.mint()
    with far(ground.settings(level, ground.KEY)) as (instance, upstreams):
        account = traffic.drive(instance, upstreams, mint)
        ends = (
            (Mode.WORKER_ABORTS, partial(traffic.end_workers, instance, signal.SIGABRT)),
            (Mode.WORKER_KILLED, partial(traffic.end_workers, instance, signal.SIGKILL)),
            (Mode.LOG_CLOSED, instance.close_output),
            (Mode.SIGTERM, instance.terminate),
        )
        for mode, act in ends:
            ended = traffic.disturb(instance, upstreams, mint, mode, act)
            assert (ended.hits, ended.faults) == ((), ()), mode
    assert account.requests > 500
    assert (account.hits, account.faults, account.unserved) == ((), (), ())
    assert mint.unseen() == []


def test_an_instance_that_does_not_come_back_does_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "_BACK", 0.2)
    with near(ground.settings()) as (site, upstreams), socket.create_server(("127.0.0.1", 0)) as deaf:

        def leave() -> None:
            site.url = f"http://127.0.0.1:{deaf.getsockname()[1]}"

        with pytest.raises(NotServing):
            traffic.disturb(site, upstreams, ground.mint(), Mode.WORKER_KILLED, leave)


def test_a_level_that_refuses_every_upstream_serves_nothing_and_says_so() -> None:
    mint = ground.mint()
    with near(ground.settings("A1")) as (site, upstreams):
        account = traffic.drive(site, upstreams, mint, quick=True)
    assert account.served == 0
    assert len(account.unserved) >= 2 * len(pairs(site.plan))
    assert positions(mint, Where.UPSTREAM) == set()
    assert set(DELICATE) <= positions(mint, Where.LETHE)
