"""Remedies: which part of a rule or a site is to be changed, and what to put there, written out and tried."""
