"""Parts of the features that a test can ask without a service around them."""
