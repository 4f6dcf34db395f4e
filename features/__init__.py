"""Numbers about a message and its sender: values in, values out; no I/O, no clock."""
