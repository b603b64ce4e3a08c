"""What the questions share: servers, load, statistics, the report."""
