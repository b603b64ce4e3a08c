"""Moves a whole database to another one, of any kind, and proves that nothing is lost."""
