"""What the data plane asks of the process around it."""

from typing import Protocol

from lethe.ledger.events import RequestEvent
from lethe.ledger.pages import Page
from lethe.retention.levels import Level


class Outside(Protocol):
    """`levels` are those that this process is locked in well enough to serve."""

    @property
    def levels(self) -> frozenset[Level]: ...

    def record(self, event: RequestEvent) -> None:
        """Take the event of a finished request."""
        ...

    async def page(self, page: Page) -> bytes:
        """A page of the supervisor's. Raises InternalFault."""
        ...

    def fault(self, error: BaseException) -> None:
        """An exception that should not happen: keep nothing but its class and place."""
        ...

    def unproven(self, upstream: int) -> None:
        """An upstream, by its index, whose response did not attest what the register expects."""
        ...
