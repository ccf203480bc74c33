"""Traces as people read them: as text, as a tree, and what stands first."""
