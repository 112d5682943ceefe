"""The pages that the supervisor writes and workers serve."""

from enum import StrEnum


class Page(StrEnum):
    METRICS = "metrics"
