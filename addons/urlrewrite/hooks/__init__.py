"""mitmproxy's hooks: they translate flows to facts and results to flows, and decide nothing themselves."""
