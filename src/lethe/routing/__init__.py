"""From a request's facts to an ordered list of attempts; pure."""
