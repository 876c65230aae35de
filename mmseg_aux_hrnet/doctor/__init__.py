"""Examines data sets before training: what is wrong, what is doubtful, what a config needs to know."""
