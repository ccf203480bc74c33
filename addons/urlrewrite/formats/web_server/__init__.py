"""The sections beside `<rewrite>` that are honoured: their shape, and the model read from and written to elements."""
