"""Files of rows: JSON Lines, JSON arrays and CSV, compressed or not, read in little memory."""
