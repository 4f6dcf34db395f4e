"""What an analyst asks of recorded verdicts: to find, explain and count them."""
