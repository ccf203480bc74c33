"""What the ids of findings mean, where another room gives them."""
