"""Why something about an item can be refused."""

from gatepost.errors import NotFound


class ItemNotFound(NotFound):
    """There is no such item, or it is another user's: the answer is the same."""
