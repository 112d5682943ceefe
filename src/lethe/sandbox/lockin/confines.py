"""What a plan needs of the world, and which level it demands. Pure."""

from msgspec import Struct

from lethe.config.plan import Plan
from lethe.retention.enforcement import ACCEPTABLE, Enforcement
from lethe.retention.levels import Level, strictest
from lethe.upstream.address import parse_address, parse_proxy

DNS = 53


class Confines(Struct, frozen=True):
    """The ports that may be connected to, whether unix sockets may be, and the socket on which may be listened."""

    ports: frozenset[int]
    unix: bool = False
    listener: int | None = None


def of_plan(plan: Plan, listener: int | None = None) -> Confines:
    """Ports of upstreams, or of the proxies before them, of the store of limits, and DNS.

    Raises ValueError for an address that is none.
    """
    ports, unix = {DNS}, False
    for upstream in plan.upstreams:
        address = parse_address(upstream.base_url)
        if address.socket is not None:
            unix = True
        elif upstream.proxy is not None:
            ports.add(parse_proxy(upstream.proxy).port)
        else:
            ports.add(address.port)
    if plan.limit_store is not None:
        unix = unix or plan.limit_store.socket is not None
        ports |= {plan.limit_store.port} if plan.limit_store.socket is None else set()
    return Confines(frozenset(ports), unix, listener)


def demanded(plan: Plan) -> Level:
    """The strictest level that the configuration, a route or a key asks for."""
    given = [*(route.level for route in plan.routes), *(key.level for key in plan.keys)]
    return strictest([plan.level, *(level for level in given if level is not None)])


def shortfall(plan: Plan, enforcement: Enforcement) -> str | None:
    """Why this plan must not be served by a process like this, in one line; None if it may be."""
    level = demanded(plan)
    lacking = enforcement.lacking(level, plan.accept_unenforced)
    if not lacking:
        return None
    said = f"level {level} needs what this host does not enforce: {', '.join(lacking)} (see lethe check --host)"
    if acceptable := ", ".join(f'"{mechanism}"' for mechanism in lacking if mechanism in ACCEPTABLE):
        said += f"; what you can accept: retention.accept_unenforced = [{acceptable}]"
    return said
