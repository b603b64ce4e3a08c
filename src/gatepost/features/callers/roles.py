"""The roles of users."""

from enum import StrEnum


class Role(StrEnum):
    """`user` acts on their own things; `moderator` also sees everyone; `admin` does everything."""

    USER = "user"
    MODERATOR = "moderator"
    ADMIN = "admin"
