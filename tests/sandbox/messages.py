"""Every kind of message on the channel, with something in each field."""

from tests.ledger.events import event

from lethe.config.plan import ClientKey, Plan
from lethe.ir.content import Dialect
from lethe.ledger.pages import Page
from lethe.ledger.record import pack
from lethe.ledger.tally import Tally
from lethe.providers.probe import ProbeTask
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.standing import Finding
from lethe.routing.table import Route, Target
from lethe.sandbox.channel import (
    Configure,
    Counters,
    Credentials,
    Doubt,
    Drain,
    Drained,
    Dropped,
    Events,
    Fault,
    Findings,
    Found,
    FromBroker,
    FromWorker,
    LockedIn,
    Message,
    Missing,
    PageIs,
    PageWanted,
    Probe,
    Ready,
    Resolve,
    Resolved,
    Rotated,
    ToBroker,
    ToWorker,
    Unproven,
)

SECRET = "sk-canary-40ab"
PLAN = Plan(
    level=Level.B,
    accept_classes=(UpstreamClass.U6,),
    upstreams=(
        Upstream(
            name="a",
            dialect=Dialect.ANTHROPIC,
            base_url="http://127.0.0.1:1",
            auth=Auth.X_API_KEY,
            upstream_class=UpstreamClass.U6,
            models=("claude-*",),
            credential="env:A",
        ),
    ),
    routes=(Route(model="*", to=(Target(0), Target(0, "m")), level=Level.A2),),
    keys=(ClientKey(name="ci", digest=bytes(range(32)), level=Level.C),),
)


def tally() -> Tally:
    counted = Tally()
    for status in (200, 529):
        counted.add(event(status=status))
    return counted


FINDING = Finding(upstream="a", probe="p", holds=True, reason="said so", at=1.0, until=2.0, models=("m",))
TASK = ProbeTask(upstream="a", probe="p", key="env:ADMIN", target="proj_1")

FROM_WORKER: list[FromWorker] = [
    Ready(),
    Events(pack(event()) * 3),
    Events(b""),
    Counters(tally()),
    PageWanted(7, Page.METRICS),
    Fault("KeyError", "app.py:12"),
    Drained(),
    Dropped(3, 4),
    LockedIn(Enforcement({Mechanism.FSIZE: State.ENFORCED, Mechanism.LANDLOCK: State.ABSENT})),
    Unproven(0),
]
TO_WORKER: list[ToWorker] = [
    Configure(2, PLAN, {"env:A": SECRET}),
    Credentials({"env:A": SECRET}),
    PageIs(7, b"# HELP\n" * 1000),
    Drain(None),
    Drain(1.5),
    Findings((FINDING,)),
]
TO_BROKER: list[ToBroker] = [Resolve(1, ("env:A",), ("file:/k",)), Resolve(2, (), ()), Probe((TASK,), 3), Doubt(3, 0)]
FROM_BROKER: list[FromBroker] = [
    Resolved(1, {"env:A": SECRET}, {"file:/k": bytes(32)}, (Missing("env:B", "the variable is not set"),)),
    Rotated({"env:A": SECRET}, {"file:/k": bytes(32)}),
    Found((FINDING,), (0,), 3),
]
ALL: list[Message] = [*FROM_WORKER, *TO_WORKER, *TO_BROKER, *FROM_BROKER]
