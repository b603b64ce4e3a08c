"""Reads times as other systems write them, including infinity and years out of range."""

import re
from datetime import UTC, date, datetime, time

INFINITE_PAST = datetime.min.replace(tzinfo=UTC)
INFINITE_FUTURE = datetime.max.replace(tzinfo=UTC)

# PostgreSQL's infinities, and its years that `datetime` cannot hold.
_FUTURE = re.compile(r"\+?infinity|\+?\d{5,}-\d\d-\d\d.*", re.ASCII | re.IGNORECASE)
_PAST = re.compile(r"-infinity|.*\d BC|-\d{4,}-\d\d-\d\d.*", re.ASCII | re.IGNORECASE)

# MySQL's zero dates.
_NO_DATE = re.compile(r"\d{4}-(?:00-\d\d|\d\d-00)\b.*", re.ASCII)


def read_time(value: str | date) -> datetime | None:
    """A time from ISO 8601 or from a database's value; without a zone it is in UTC.

    Infinity and years out of range become `INFINITE_PAST` or `INFINITE_FUTURE`; a zero date is
    None. Raises `ValueError`.
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
    """Whether a time is infinite, or the first of the calendar.

    Systems whose times cannot be null store the latter for None.
    """
    return moment in {INFINITE_PAST, INFINITE_FUTURE}
