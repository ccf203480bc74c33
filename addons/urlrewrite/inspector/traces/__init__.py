"""Traces as people read them: as text and as a tree, the most important first."""
