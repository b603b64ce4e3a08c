"""The tests, a folder a kind, a file a story."""
