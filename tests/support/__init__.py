"""What the tests stand on: servers of their own, empty databases, a report of what ran where."""
