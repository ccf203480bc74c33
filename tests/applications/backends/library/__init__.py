"""A Django application with one table, for its admin."""
