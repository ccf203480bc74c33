"""Content codings (RFC 9110, 8.4): undone before a body is rewritten, applied again afterwards."""
