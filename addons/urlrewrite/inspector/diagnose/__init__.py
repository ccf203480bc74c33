"""What can break a page behind a proxy, a module each: it finds its faults in a page load, and their cause."""
