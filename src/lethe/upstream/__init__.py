"""HTTP out: connections to upstreams, and a scripted upstream for tests and demos."""
