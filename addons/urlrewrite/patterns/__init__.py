"""ECMAScript, Wildcard and ExactMatch: parsed, translated, bounded. Knows nothing of rules."""
