"""The parts of `gatepost.embedding` that deal with the host application."""
