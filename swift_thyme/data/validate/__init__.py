"""`thyme validate`: the checks of `prepare` on any set of rows, whoever made it."""
