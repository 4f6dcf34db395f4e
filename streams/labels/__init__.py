"""Labels on their way: what they are of, what they count, and how far they have come."""
