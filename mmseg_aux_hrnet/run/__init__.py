"""Training, testing and evaluating, from a config to figures and paths."""
