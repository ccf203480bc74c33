"""Names of the backend that are left in answers, why, and what to write against it."""
