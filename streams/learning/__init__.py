"""The learner's parts: its claim, its models, what it publishes, and how it all comes back."""
