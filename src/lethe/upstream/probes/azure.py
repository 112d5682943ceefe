"""Azure OpenAI says in the resource itself that content is not logged; where it is, it says nothing.

Capability `ContentLogging` with the value "false" (learn.microsoft.com, data privacy of Azure OpenAI); resource shape
`Account` of Microsoft.CognitiveServices, API version 2024-10-01.
"""

from typing import Any
from urllib.parse import urlsplit

from lethe.providers.probe import ProbeTask
from lethe.upstream.probes.verdict import PROVEN, Ask, Question, Reason, Unproven, Verdict, bearer, document, field, of

API_VERSION = "2024-10-01"
CAPABILITY = "ContentLogging"


async def content_logging(task: ProbeTask, key: str | None, ask: Ask) -> Verdict:
    """`azure.content_logging` of the resource `target`. Raises Unproven."""
    path = f"{task.target}?api-version={API_VERSION}"
    body = document(await ask(Question(base=task.base_url or "", path=path, headers=bearer(key))))
    if field(body, "id", str).casefold() != task.target.casefold():
        raise Unproven(Reason.ELSEWHERE)
    properties = field(body, "properties", dict)
    if task.host and task.host.casefold() not in _hosts(properties):
        raise Unproven(Reason.ELSEWHERE)
    capabilities = [of(each, dict) for each in field(properties, "capabilities", list)]
    said = [field(each, "value", str) for each in capabilities if field(each, "name", str) == CAPABILITY]
    if not said:
        raise Unproven(Reason.MISSING)
    if any(value != "false" for value in said):
        raise Unproven(Reason.RETAINS if set(said) <= {"true", "false"} else Reason.UNEXPECTED)
    return PROVEN


def _hosts(properties: dict[str, Any]) -> set[str]:
    """The names under which the resource is reached."""
    urls = [field(properties, "endpoint", str)]
    others = properties.get("endpoints")
    urls += [of(url, str) for url in of(others, dict).values()] if others is not None else []
    try:
        return {(urlsplit(url).hostname or "").casefold() for url in urls}
    except ValueError:
        raise Unproven(Reason.UNEXPECTED) from None
