"""See the package."""

vsi_path = None
