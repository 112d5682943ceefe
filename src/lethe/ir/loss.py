"""What a translation could not carry, as data. Policy decides what to do about it."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

# From a path of the hub to where it stands in the body that the request was decoded from.
Locate: TypeAlias = Callable[[str], str]


class Severity(StrEnum):
    HINT = "hint"  # a tuning knob or cache hint: the answer may cost more, not mean less
    DEGRADED = "degraded"  # carried in a weaker form
    DROPPED = "dropped"  # content or an instruction that the model will not see


class Loss(Struct, frozen=True):
    """`path` is a JSON path and `feature` a fixed word; neither quotes content.

    Encoders report paths of the hub's model (`$.turns[2].content[0]`); what a caller is told are paths of its own body
    (`transcode.located`).
    """

    path: str
    feature: str
    severity: Severity


class Losses(list[Loss]):
    """Each once in a row: every delta of a stream may lose the same."""

    def hint(self, path: str, feature: str) -> None:
        self.add(Loss(path, feature, Severity.HINT))

    def degraded(self, path: str, feature: str) -> None:
        self.add(Loss(path, feature, Severity.DEGRADED))

    def dropped(self, path: str, feature: str) -> None:
        self.add(Loss(path, feature, Severity.DROPPED))

    def add(self, loss: Loss) -> None:
        if loss not in self[-1:]:
            self.append(loss)
