"""The command line: one module a command, each with `options` and `execute`."""
