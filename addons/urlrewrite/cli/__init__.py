"""What `run.sh` runs: the sub-commands, and the start of mitmproxy."""
