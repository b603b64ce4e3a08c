"""Problems of operations on items."""

from gatepost.errors import NotFound


class ItemNotFound(NotFound):
    """There is no such item, or it is another user's: the answer is the same."""
