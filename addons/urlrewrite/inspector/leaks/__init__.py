"""Names of the backend that are left in responses, why, and what to write against it."""
