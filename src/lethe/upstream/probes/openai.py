"""OpenAI's organisation and project settings of data retention.

Types `OrganizationDataRetention` and `ProjectDataRetention` of openai 3.57.0.
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
    only,
)

ZERO = frozenset({"zero_data_retention", "enhanced_zero_data_retention"})
KEEPS = frozenset({"modified_abuse_monitoring", "enhanced_modified_abuse_monitoring", "none"})
INHERITS = frozenset({"organization_default", "inherit"})


async def data_retention(task: ProbeTask, key: str | None, ask: Ask) -> Verdict:
    """`openai.data_retention` of the project `target`, which may leave it to its organisation. Raises Unproven."""

    async def asked(path: str) -> dict[str, Any]:
        return document(await ask(Question(base=task.base_url or "", path=path, headers=bearer(key))))

    kept = _type(await asked(f"/organization/projects/{task.target}/data_retention"), "project.data_retention")
    if kept in INHERITS:
        kept = _type(await asked("/organization/data_retention"), "organization.data_retention")
    if kept in ZERO:
        return PROVEN
    raise Unproven(Reason.RETAINS if kept in KEEPS else Reason.UNEXPECTED)


def _type(body: dict[str, Any], kind: str) -> str:
    only(body, ("object", "type"))
    if field(body, "object", str) != kind:
        raise Unproven(Reason.ELSEWHERE)
    return field(body, "type", str)
