"""A real server, started with what was exported, and asked."""
