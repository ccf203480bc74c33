"""What is counted over many exchanges."""
