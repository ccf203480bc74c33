"""IIS URL Rewrite 2.1 and Application Request Routing as a mitmproxy addon bundle."""

__version__ = "0.1.0"
