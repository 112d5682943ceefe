"""OpenRouter publishes which endpoints keep nothing; requests are held to them by `provider.zdr`.

`GET /endpoints/zdr`, type `ListEndpointsZdrResponse` of openrouter 1.3.84.
"""

from lethe.providers.probe import ProbeTask
from lethe.upstream.probes.verdict import Ask, Question, Reason, Unproven, Verdict, bearer, document, field, of

LIST_LIMIT = 8 * 1024 * 1024  # bytes: some hundred endpoints, each with prices and figures


async def zdr_endpoints(task: ProbeTask, key: str | None, ask: Ask) -> Verdict:
    """`openrouter.zdr_endpoints`: holds for the configured models that are listed. Raises Unproven."""
    question = Question(base=task.base_url or "", path="/endpoints/zdr", headers=bearer(key), limit=LIST_LIMIT)
    listed = {field(of(each, dict), "model_id", str) for each in field(document(await ask(question)), "data", list)}
    proven = tuple(model for model in task.models if model in listed)
    if not proven:
        raise Unproven(Reason.NO_MODEL)
    return Verdict(holds=True, reason=Reason.PROVEN, models=proven)
