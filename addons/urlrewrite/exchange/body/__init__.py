"""The body of a response: which way it takes, and how it is rewritten on that way."""
