"""Rule files made ready to run: read, completed from the command line, watched."""
