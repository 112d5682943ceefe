"""Where Lethe can run: what platforms demand and keep, and the files that put it there."""
