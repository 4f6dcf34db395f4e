"""What can be wrong with an installation, looked at without changing anything."""
