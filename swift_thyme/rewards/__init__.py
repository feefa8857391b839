"""Rewards: format, answer, consistency, code and process, and the judge they ask."""
