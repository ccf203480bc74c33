"""Bytes in, bytes out: codings, charsets, markup and the links in it."""
