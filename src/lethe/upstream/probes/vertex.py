"""Google Cloud keeps prompts in a cache for a day unless the project says no.

Resource `CacheConfig` of Vertex AI v1: without `disableCache` the cache is on.
"""

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
    only,
)


async def cache_config(task: ProbeTask, key: str | None, ask: Ask) -> Verdict:
    """`vertex.cache_config` of the project `target`. Raises Unproven."""
    path = f"/v1/projects/{task.target}/cacheConfig"
    body = document(await ask(Question(base=task.base_url or "", path=path, headers=bearer(key))))
    only(body, ("name", "disableCache", "etag"))
    place = field(body, "name", str).split("/")  # the project may be named by its number
    if (len(place), place[0], place[-1]) != (3, "projects", "cacheConfig"):
        raise Unproven(Reason.ELSEWHERE)
    if not field(body, "disableCache", bool):
        raise Unproven(Reason.RETAINS)
    return PROVEN
