"""How long to wait before a process that has ended is started again."""

FIRST = 0.1  # seconds
LONGEST = 5.0
HEALTHY = 30.0  # seconds of life after which earlier failures are forgotten
_ENOUGH = 16  # doublings, to be beyond the longest wait; thousands would be beyond a float


class Backoff:
    """Counts failures in a row."""

    def __init__(self) -> None:
        self.failures = 0

    def after(self, lived: float) -> float:
        """Seconds to wait, after a life of `lived` seconds."""
        if lived >= HEALTHY:
            self.failures = 0
        self.failures += 1
        doublings = min(self.failures - 1, _ENOUGH)
        return float(min(LONGEST, FIRST * 2**doublings))
