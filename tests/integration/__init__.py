"""Tests of the parts against real servers and processes."""
