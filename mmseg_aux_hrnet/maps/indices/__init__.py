"""Spectral indices of vegetation: the threshold that agrees best with a reference, and the mask by it."""
