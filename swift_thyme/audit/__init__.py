"""The tool audit: did the tool cause the answer? The same items under four conditions, and what differs.

Owns the interventions, the location of crops and the shares of cause and effect. Attempts, verdicts and intervals are
`swift_thyme.evaluate`'s.
"""
