"""Asking a backend again with one thing changed: what is sent, and which answer is better. Nothing is sent here."""
