"""Fields that nobody modelled: merged back into their own dialect, a loss in any other."""

from lethe.ir.content import Dialect, Extras, JsonObject
from lethe.ir.loss import Loss, Losses, Severity

# A leftover counts as dropped unless it stands here: knobs whose absence changes cost or speed, not meaning.
SEVERITIES: dict[Dialect, dict[str, Severity]] = {
    Dialect.ANTHROPIC: {},
    Dialect.OPENAI_CHAT: {},
}


def merged(encoded: JsonObject, extras: Extras | None, ours: Dialect, path: str, losses: Losses) -> JsonObject:
    """`encoded` with its own dialect's leftovers; those of another dialect are reported at `path`."""
    if extras is None:
        return encoded
    if extras.dialect is ours:
        return {**encoded, **extras.fields}
    known = SEVERITIES.get(extras.dialect, {})
    for name in extras.fields:
        losses.append(Loss(f"{path}.{name}", "field without a counterpart", known.get(name, Severity.DROPPED)))
    return encoded
