"""One request and its response, put together: the object that the proxy, `explain` and tests drive."""
