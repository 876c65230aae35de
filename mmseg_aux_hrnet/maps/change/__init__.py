"""Change between two class maps of one place: gains, losses and transitions on the ground."""
