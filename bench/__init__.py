"""How fast Gatepost is, beside its peers and beside the floor it stands on: one file a question."""
