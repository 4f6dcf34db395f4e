"""Models as things: which there are, what the learner is told to do with them, how they compare."""
