"""Hashing, tokens, keys and encryption: what must hold when everything else is known."""
