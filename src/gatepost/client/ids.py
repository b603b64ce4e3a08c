"""Ids of users and sessions: positive whole numbers that every database can hold."""

from typing import Final

LARGEST_ID: Final = 2**63 - 1

_MOST_DIGITS: Final = len(str(LARGEST_ID))


def parse_id(text: str) -> int | None:
    """Parse an id; None if the text is none.

    Accepts the canonical form only: `01` or Arabic digits would be a second name of the same user.
    """
    if not (text.isascii() and text.isdigit()) or text[0] == "0" or len(text) > _MOST_DIGITS:
        return None
    number = int(text)
    return number if number <= LARGEST_ID else None
