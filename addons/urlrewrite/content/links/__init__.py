"""Which URLs become which, in every spelling."""
