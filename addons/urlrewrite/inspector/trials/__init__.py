"""What other requests or other rules would bring, with nothing sent."""
