"""Was what a run trained what it should have been? Recomputed from its saved trajectories, without the host.

`rows` rebuilds ids, loss mask and picture grids of a trajectory, `signal` its advantage, log-probs and the loss of a
step; `check` compares them with what the run recorded, traced and logged. Nothing here imports ms-swift or the
package's parts that made the rows.
"""
