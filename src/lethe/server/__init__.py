"""HTTP in: the data plane of one worker."""
