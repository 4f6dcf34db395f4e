"""The signals' weights and thresholds from legitimate mail, each source judged without itself."""
