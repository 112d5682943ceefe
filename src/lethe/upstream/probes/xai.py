"""xAI says on every response whether the team's data is kept.

Header `x-zero-data-retention`, "true" or "false" (docs.x.ai/developers/faq/security, 2026-07-27).
"""

from lethe.providers.probe import ProbeTask
from lethe.upstream.probes.verdict import PROVEN, Ask, Question, Reason, Unproven, Verdict, bearer, succeeded

HEADER = "x-zero-data-retention"


async def response_header(task: ProbeTask, key: str | None, ask: Ask) -> Verdict:
    """`xai.response_header`: the list of models, whose content does not matter. Raises Unproven."""
    answer = succeeded(await ask(Question(base=task.base_url or "", path="/models", headers=bearer(key))))
    said = [value for name, value in answer.headers if name == HEADER]
    if not said:
        raise Unproven(Reason.MISSING)
    if any(value != "true" for value in said):
        raise Unproven(Reason.RETAINS if set(said) <= {"true", "false"} else Reason.UNEXPECTED)
    return PROVEN
