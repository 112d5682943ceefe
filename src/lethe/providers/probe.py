"""A question to a provider about what it keeps; the broker asks it."""

from msgspec import Struct


class ProbeTask(Struct, frozen=True, kw_only=True):
    """`probe` is its name in the register; `key` refers to the secret that asks, which never leaves the broker.

    `target` is what is asked about, in the provider's own words (a project, a resource, an account and gateway);
    `base_url` is where; `host` is where the upstream itself is, so that an answer about another one is noticed;
    `models` are the names that the configuration uses. `proxy` and `ca_file` are the upstream's.
    """

    upstream: str
    probe: str
    key: str | None = None
    target: str = ""
    base_url: str | None = None
    host: str = ""
    region: str | None = None
    models: tuple[str, ...] = ()
    max_age: float = 86_400.0  # seconds
    every: float = 43_200.0  # seconds between two questions while the answers hold
    proxy: str | None = None
    ca_file: str | None = None
