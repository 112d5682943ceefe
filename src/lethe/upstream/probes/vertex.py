"""Google Cloud keeps prompts in a cache unless the project says no, and since October 2026 in one on durable storage.

Resource `CacheConfig` of Vertex AI v1 (discovery document, revision 20261106): without `disableCache` the cache is on;
`retentionConfig` says what it would be, also of a project that has none.
"""

from typing import Any

from lethe.providers.probe import ProbeTask
from lethe.upstream.probes.verdict import (
    PROVEN,
    Ask,
    Question,
    Reason,
    Unproven,
    Verdict,
    bearer,
    document,
    field,
    of,
    only,
)

RETENTION_TYPES = frozenset({"EPHEMERAL", "DURABLE", "RETENTION_TYPE_UNSPECIFIED"})


async def cache_config(task: ProbeTask, key: str | None, ask: Ask) -> Verdict:
    """`vertex.cache_config` of the project `target`. Raises Unproven."""
    path = f"/v1/projects/{task.target}/cacheConfig"
    body = document(await ask(Question(base=task.base_url or "", path=path, headers=bearer(key))))
    only(body, ("name", "disableCache", "retentionConfig"))
    _is_about(task.target, field(body, "name", str))
    _is_known(of(body.get("retentionConfig", {}), dict))
    if not field(body, "disableCache", bool):
        raise Unproven(Reason.RETAINS)
    return PROVEN


def _is_about(project: str, name: str) -> None:
    """A project has an id and a number, and Google may answer with the other one, which we do not know."""
    place = name.split("/")
    if (len(place), place[0], place[-1]) != (3, "projects", "cacheConfig"):
        raise Unproven(Reason.ELSEWHERE)
    if place[1] != project and place[1].isdecimal() == project.isdecimal():
        raise Unproven(Reason.ELSEWHERE)


def _is_known(retention: dict[str, Any]) -> None:
    only(retention, ("retentionType",))
    if retention and field(retention, "retentionType", str) not in RETENTION_TYPES:
        raise Unproven(Reason.UNEXPECTED)
