"""Evaluation reports of several runs, side by side."""
