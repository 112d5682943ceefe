"""Amazon Bedrock: the retention mode that is in force for each model, and the account's own logging.

docs.aws.amazon.com/bedrock/latest/userguide/data-retention.html; shapes `GetAccountDataRetentionResponse` and
`GetModelInvocationLoggingConfigurationResponse` of botocore 1.44.8. Both settings are those of one region.
"""

from typing import Any
from urllib.parse import quote

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

MODES = frozenset({"none", "default", "aws_review", "provider_data_share", "inherit"})
DELIVERY = "DataDeliveryEnabled"
KINDS = ("text", "image", "embedding", "video", "audio")


async def data_retention(task: ProbeTask, key: str | None, ask: Ask) -> Verdict:
    """`bedrock.data_retention`: holds for the models that keep nothing, or may be kept from it. Raises Unproven.

    A project's mode beats the account's, and only the model's own answer takes both into account; so the account's
    alone proves nothing.
    """

    async def asked(path: str) -> dict[str, Any]:
        headers = {"x-api-key": key} if key is not None else {}
        return document(await ask(Question(base=task.base_url or "", path=path, headers=headers)))

    if field(await asked("/v1/data_retention"), "mode", str) not in MODES:
        raise Unproven(Reason.UNEXPECTED)
    proven = [name for name in task.models if _keeps_nothing(await asked(f"/v1/models/{quote(name, safe='')}"), name)]
    if not proven:
        raise Unproven(Reason.NO_MODEL)
    return Verdict(holds=True, reason=Reason.PROVEN, models=tuple(proven))


def _keeps_nothing(model: dict[str, Any], name: str) -> bool:
    if field(model, "id", str) != name:
        raise Unproven(Reason.ELSEWHERE)
    match model.get("status", "available"):
        case "available":
            pass
        case "unavailable":
            return False
        case _:
            raise Unproven(Reason.UNEXPECTED)
    retention = field(model, "data_retention", dict)
    only(retention, ("mode", "source", "allowed_modes"))
    modes = [of(mode, str) for mode in field(retention, "allowed_modes", list)]
    mode = field(retention, "mode", str)
    if not MODES.issuperset((mode, *modes)):
        raise Unproven(Reason.UNEXPECTED)
    return "none" in modes  # one that only stands in `mode` is not possible for the model, which is blocked then


async def invocation_logging(task: ProbeTask, key: str | None, ask: Ask) -> Verdict:
    """`bedrock.invocation_logging`: not configured, or configured to deliver nothing. Raises Unproven."""
    body = document(
        await ask(Question(base=task.base_url or "", path="/logging/modelinvocations", headers=bearer(key)))
    )
    only(body, ("loggingConfig",))
    config = body.get("loggingConfig")
    if not config and config in (None, {}):
        return PROVEN
    config = of(config, dict)
    for kind in KINDS:
        field(config, kind + DELIVERY, bool)
    delivered = [value for name, value in config.items() if name.endswith(DELIVERY)]
    if any(value is not False for value in delivered):  # kinds that are new count too
        raise Unproven(Reason.RETAINS)
    return PROVEN
