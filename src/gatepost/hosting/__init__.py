"""What `gatepost.embedding` needs to live in a host application."""
