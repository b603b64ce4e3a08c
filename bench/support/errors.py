"""What goes wrong in a bench, said so that the report can repeat it."""


class BenchError(Exception):
    """A part of the bench that could not be done; the message is a sentence for the report."""
