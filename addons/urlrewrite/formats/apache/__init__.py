"""Apache's mod_rewrite, read."""
