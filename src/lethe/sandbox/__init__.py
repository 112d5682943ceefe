"""The processes: a supervisor that owns every output, a broker that knows the secrets, workers that know neither."""
