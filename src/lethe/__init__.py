"""Lethe: an LLM proxy that forgets, and can prove it."""

__version__ = "0.1.0"
