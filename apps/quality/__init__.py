"""How good the filter is: what analysts said of messages that were asked about by chance."""
