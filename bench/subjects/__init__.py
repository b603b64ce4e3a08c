"""Whom the questions are put to: Gatepost, the floor it stands on, and its peers."""
