"""What replaces a part of mitmproxy, a file each; mitmproxy's own behaviour is the fallback."""
