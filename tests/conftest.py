"""How tests are spread over processes, and what Hypothesis may do in them."""

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# The same examples everywhere, so that what passed once passes again; `--hypothesis-profile=default` looks for others.
settings.register_profile("lethe", derandomize=True, deadline=None, database=None)
settings.load_profile("lethe")

ONE_RUN = "tests/leaks/"  # all of its tests look at one long run, which need not be made in every process


class Spread(LoadScopeScheduling):  # type: ignore[misc]
    """Each test goes where there is room, but those of one run go to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return ONE_RUN if nodeid.startswith(ONE_RUN) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Spread:
    return Spread(config, log)
