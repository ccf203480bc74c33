"""What is wrong with exchanges and page loads, and why: each question is answered once, by codes (`why.py`)."""
