"""One package per wire protocol, all alike: pure functions between wire bodies and the canonical model."""
