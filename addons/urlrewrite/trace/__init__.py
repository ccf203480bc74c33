"""What happened to one exchange and why: declared, collected, read back."""
