"""Names of the backend that are left in responses, why, and which rules or settings would remove them."""
