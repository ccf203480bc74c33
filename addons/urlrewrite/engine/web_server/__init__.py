"""What the sections beside `<rewrite>` do with a request and with the fields of its response."""
