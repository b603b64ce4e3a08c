"""Times as other systems' files and tables write them, also those that no calendar has."""

import re
from datetime import UTC, date, datetime, time

INFINITE_PAST = datetime.min.replace(tzinfo=UTC)
INFINITE_FUTURE = datetime.max.replace(tzinfo=UTC)

# PostgreSQL's two, and its years that Python's calendar does not reach.
_FUTURE = re.compile(r"\+?infinity|\+?\d{5,}-\d\d-\d\d.*", re.ASCII | re.IGNORECASE)
_PAST = re.compile(r"-infinity|.*\d BC|-\d{4,}-\d\d-\d\d.*", re.ASCII | re.IGNORECASE)

# MySQL writes zeros where there is no date.
_NO_DATE = re.compile(r"\d{4}-(?:00-\d\d|\d\d-00)\b.*", re.ASCII)


def read_time(value: str | date) -> datetime | None:
    """The time that a text in ISO 8601 or a database's value is; one without a zone is in UTC.

    `INFINITE_PAST` and `INFINITE_FUTURE` stand for infinity and for all that lies beyond the
    calendar; a date of zeros is None. Raises `ValueError`.
    """
    if isinstance(value, str):
        value = value.strip()
        if _NO_DATE.fullmatch(value):
            return None
        if _FUTURE.fullmatch(value):
            return INFINITE_FUTURE
        if _PAST.fullmatch(value):
            return INFINITE_PAST
        value = datetime.fromisoformat(value.removesuffix(" UTC"))
    elif not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def is_infinite(moment: datetime) -> bool:
    """Whether it stands for no moment: infinity, or the first moment that a calendar can write.

    Systems whose times cannot be null keep the latter where there is none.
    """
    return moment in {INFINITE_PAST, INFINITE_FUTURE}
