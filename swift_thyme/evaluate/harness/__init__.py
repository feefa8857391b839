"""Public harnesses, driven as they are: VLMEvalKit, evalscope, lmms-eval.

Owns starting a server for them, their command lines, and reading their scores back. What they ask and how they count is
theirs: their numbers compare with other people's numbers, ours (`swift_thyme.evaluate`) with each other.
"""
