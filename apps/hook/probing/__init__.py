"""What asks a running hook as an MTA does: `weir doctor` and `weir up`."""
