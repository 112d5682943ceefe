"""Engines on this machine prove themselves by the flags of the process that listens where they are reached."""

import asyncio
from pathlib import Path

from lethe.providers.probe import ProbeTask
from lethe.upstream.address import parse_address
from lethe.upstream.probes.flags import LLAMACPP, OLLAMA, VLLM, Process, Rules, judge
from lethe.upstream.probes.listening import PROC, listeners, socket_listeners
from lethe.upstream.probes.verdict import PROVEN, Ask, Probe, Reason, Unproven, Verdict


def verified(base_url: str, rules: Rules, proc: Path = PROC) -> Verdict:
    """Every process that listens there has the flags. Raises Unproven."""
    for process in _processes(base_url, proc):
        judge(process, rules)
    return PROVEN


def _processes(base_url: str, proc: Path) -> list[Process]:
    try:
        address = parse_address(base_url)
    except ValueError:
        raise Unproven(Reason.FAULT) from None
    if address.socket is not None:
        return socket_listeners(address.socket, proc)
    return listeners(address.host, address.port, proc)


def _probe(rules: Rules) -> Probe:
    async def probe(task: ProbeTask, key: str | None, ask: Ask) -> Verdict:
        del key, ask
        return await asyncio.to_thread(verified, task.base_url or "", rules)

    return probe


llamacpp = _probe(LLAMACPP)
vllm = _probe(VLLM)
ollama = _probe(OLLAMA)
