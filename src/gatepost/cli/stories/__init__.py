"""What the commands do. These modules load the service, hence only when a command runs."""
