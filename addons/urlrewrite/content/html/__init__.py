"""HTML and XML by byte spans: scanned without a tree, changed in place."""
