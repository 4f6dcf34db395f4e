"""What is kept of senders, for a person: inspected, rebuilt from the log, forgotten."""
