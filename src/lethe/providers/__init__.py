"""Where a dialect is served: rows, not branches."""
