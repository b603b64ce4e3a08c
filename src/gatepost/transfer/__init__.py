"""Copies a whole database to another, of any kind, and compares the rows of both."""
