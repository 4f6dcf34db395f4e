"""How a scorer keeps up with what the learner publishes on `mail.models`."""
