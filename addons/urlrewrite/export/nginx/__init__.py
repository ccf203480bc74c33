"""The files for nginx: maps for plain URLs, a program for njs for all others, and the servers around them."""
