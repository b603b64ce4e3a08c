"""The bench's own machinery: what it reads, computes and writes."""
