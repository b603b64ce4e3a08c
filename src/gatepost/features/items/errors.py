"""Why something about an item can be refused."""

from gatepost.errors import Problem


class ItemNotFound(Problem):
    """No such item, or somebody else's: whoever asks cannot tell which."""

    status = 404
    code = "not_found"
    title = "There is nothing here"
