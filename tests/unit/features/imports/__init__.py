"""Parts of the accounts that a test can ask without a service around them."""
