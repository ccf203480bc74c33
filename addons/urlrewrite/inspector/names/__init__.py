"""Where and how a backend is named in bytes: every spelling of its names, and the places in which they stand."""
