"""Encodings of text: which one a body is in, and views of its spans as str and as bytes."""
