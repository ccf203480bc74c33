"""Rule files read, completed from the command line, compiled, and watched."""
