"""Generates pages of the documentation from the code: `python -m gatepost.documentation`."""
