"""Examines data sets before training: faults, doubts, and the facts that a config needs."""
