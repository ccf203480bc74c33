"""`run.sh` from the inside: the sub-commands, and the start of mitmproxy."""
