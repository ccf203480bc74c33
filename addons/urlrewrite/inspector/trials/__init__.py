"""What other requests or other rules would lead to, with nothing sent."""
