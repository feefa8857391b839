"""SFT trajectories: short reasoning and code that the real sandbox has run, in one to three rounds.

`script` plans the rounds, `coder` writes the code, `wording` the sentences, `run` executes and writes the row.
"""
