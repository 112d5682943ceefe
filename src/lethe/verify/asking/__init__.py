"""Questions with a canary in every place that one can carry, in each dialect that Lethe is asked in."""
