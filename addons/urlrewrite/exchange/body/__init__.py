"""Bodies: which way one takes, and how it is rewritten on that way. `request.py` is that of a request."""
