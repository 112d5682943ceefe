"""Locking a worker in: what its process gives up for good before it sees any content, enforced by the kernel."""
