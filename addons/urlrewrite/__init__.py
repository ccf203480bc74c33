"""IIS URL Rewrite 2.1 and Application Request Routing as a mitmproxy addon bundle.

What programs may rely on is in `urlrewrite.api`.
"""

__version__ = "0.2.0"
