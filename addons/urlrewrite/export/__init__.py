"""The rules for another server: what every target is made from, what it can say of them, and how that is proved."""
