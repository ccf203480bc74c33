"""Experiments: what was recorded, run again with one thing changed. What turns a bad result into a good one is why."""
