"""What an LLM proxy costs: a fake provider, a load, and the CPU time and memory that a proxy between them uses."""
