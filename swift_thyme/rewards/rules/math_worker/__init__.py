"""The child process that runs math-verify; started as `python math_worker`, see `solver`."""
