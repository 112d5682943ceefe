"""Configurations to verify, a data plane in this process, and throwaway instances."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date

from msgspec.structs import replace
from tests.server.rig import serving

from lethe.config.load import parse_settings
from lethe.config.plan import Plan
from lethe.config.settings import Settings
from lethe.providers.upstream import Timeouts
from lethe.verify.canary import Mint
from lethe.verify.instance import Instance, Manner, running
from lethe.verify.throwaway import throwaway
from lethe.verify.upstreams import Scripted, prepared, scripted

BRIEF = Timeouts(connect=1.0, first_byte=1.0, idle=1.0)
_CONTRACT = 'kind = "zdr"\nsigned = 2026-01-01\nexpires = 2099-01-01\n'
_CONFIG = """
[retention]
level = "{level}"
[upstreams.anthropic]
api_key = "env:A"
[upstreams.anthropic.contract]
{contract}
[upstreams.openai]
api_key = "env:O"
[upstreams.openai.contract]
{contract}
[[routes]]
model = "claude-*"
to = ["anthropic", "openai/gpt-4.1"]
[[routes]]
model = "*"
to = ["openai"]
{more}
"""
KEY = f'[[keys]]\nname = "somebody"\nhash = "sha256:{"0" * 64}"\n'


def settings(level: str = "C", more: str = "") -> Settings:
    """Both dialects under a contract; `claude-x` falls back to the other one."""
    text = _CONFIG.format(level=level, contract=_CONTRACT, more=more)
    return parse_settings(text, "lethe.toml", embedded_available=False, today=date(2026, 11, 24))


def mint() -> Mint:
    return Mint(os.urandom)


class Near:
    """A data plane in this process, on a thread of its own: a `traffic.Site` without processes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.keys: Mapping[str, str] = {}
        self.url = ""
        self._up, self._loop = threading.Event(), asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    def workers(self) -> list[int]:
        return []

    def start(self) -> None:
        self._thread.start()
        assert self._up.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        plan = self.plan
        rest = {name: getattr(plan, name) for name in plan.__struct_fields__ if name not in {"upstreams", "routes"}}
        async with serving(plan.upstreams, plan.routes, **rest) as rig:
            self.url = f"http://127.0.0.1:{rig.port}"
            self._up.set()
            await self._over.wait()


@contextmanager
def near(of: Settings) -> Iterator[tuple[Near, Scripted]]:
    """A data plane that serves these settings, with scripted upstreams."""
    with scripted(of.plan) as upstreams:
        site = Near(_ready(of, upstreams).plan)
        site.start()
        try:
            yield site, upstreams
        finally:
            site.stop()


@contextmanager
def far(of: Settings, manner: Manner | None = None) -> Iterator[tuple[Instance, Scripted]]:
    """An instance with processes of its own."""
    with scripted(of.plan) as upstreams:
        made = throwaway(of, upstreams.bases, mint(), time.time(), upstreams.authority)
        made = replace(made, settings=prepared(made.settings, upstreams))
        with running(made, manner) as instance:
            yield instance, upstreams


def _ready(of: Settings, upstreams: Scripted) -> Settings:
    plan = of.plan
    authority = str(upstreams.authority)
    bases = tuple(
        replace(each, base_url=base, ca_file=authority if base.startswith("https:") else None)
        for each, base in zip(plan.upstreams, upstreams.bases, strict=True)
    )
    return prepared(Settings(plan=replace(plan, upstreams=bases, keys=())), upstreams, BRIEF)
