"""The service as its clients see it, on every database."""
