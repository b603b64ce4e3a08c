"""The two ways to send an access token."""
