"""What Weir remembers between messages: one protocol, a Redis and a memory implementation."""
