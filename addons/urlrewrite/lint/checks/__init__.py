"""The checks of the linter, a subject each."""
