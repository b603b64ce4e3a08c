"""What HTTP needs before there is a feature."""
