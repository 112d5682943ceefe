"""What is recorded: closed events and counters, never content."""
