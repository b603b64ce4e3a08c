"""Password hashing, tokens, keys and encryption."""
