"""One rule a file; pure."""
