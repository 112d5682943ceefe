"""The configuration file: its schema, its checks, and the plan that workers run."""
