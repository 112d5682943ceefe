"""The pages that the supervisor writes and workers serve."""

from enum import StrEnum

POSTURE_PATH = "/.well-known/lethe/posture"


class Page(StrEnum):
    METRICS = "metrics"
    POSTURE = "posture"  # signed JSON
