"""ECMAScript, Wildcard, ExactMatch and Apache's PCRE: parsed, translated, bounded. Knows nothing of rules."""
