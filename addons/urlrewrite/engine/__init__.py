"""Rules in, facts in, decision and trace out: pure, and nothing of mitmproxy."""
