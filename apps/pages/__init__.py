"""Pages that a person opens in a browser: one file each, no script, nothing from elsewhere."""
