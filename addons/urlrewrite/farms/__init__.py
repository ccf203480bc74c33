"""Which server of a farm gets a request. Pure: the clock and the random numbers are handed in."""
