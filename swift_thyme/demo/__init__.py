"""What a newcomer runs first: the tiny checkpoint and the quickstart."""
