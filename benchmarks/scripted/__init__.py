"""A policy whose behaviour is known, for tests and benchmarks: `benchmarks/` is on the path of both."""
