"""How well a filter does on labelled mail: the protocol, its figures, and filters to compare."""
