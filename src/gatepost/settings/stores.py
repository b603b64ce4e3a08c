"""Settings of the store of short-lived shared state."""

import re
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from gatepost.settings.base import SettingInfo, SettingsGroup, refuse
from gatepost.settings.redis_url import names_a_server

_PREFIX = re.compile(r"[A-Za-z0-9:._-]{1,64}")


class StoreSettings(SettingsGroup):
    """Shared state."""

    redis_url: Annotated[
        str | None,
        SettingInfo(takes="a redis://, rediss://, valkey://, unix:// or redis+sentinel:// URL"),
    ] = Field(
        default=None,
        repr=False,
        description="A Redis or Valkey server for the state that several processes share. Without "
        "it the database is used.",
    )
    redis_timeout_milliseconds: int = Field(
        default=250,
        ge=10,
        le=60_000,
        description="How long a request waits for Redis. Then rate limits are not enforced, and "
        "requests do not wait again, until it answers.",
    )
    redis_prefix: Annotated[
        str | None,
        SettingInfo(
            takes="up to 64 letters, digits and any of : . _ -",
            default="`gatepost:` and 16 digits, from `SECRET_KEY` and the database's name",
        ),
    ] = Field(
        default=None,
        description="The prefix of all keys and channels in Redis. Processes with the same prefix "
        "are one service, and share rate limits, lockouts and announcements.",
    )
    workers: Annotated[int, SettingInfo(also=("WEB_CONCURRENCY",))] = Field(
        default=1,
        ge=1,
        le=256,
        description="The number of processes; `gatepost serve --workers` takes precedence. If "
        "several machines or containers serve, set it to more than 1, so that they share rate "
        "limits and lockouts.",
    )
    store: Literal["auto", "memory", "database", "redis"] = Field(
        default="auto",
        description="The store of rate limits and lockouts. `auto` is Redis if `REDIS_URL` is set; "
        "else the database if there are several workers, or if `WORKERS` is not set and the "
        "server may have started several; else the process's memory.",
    )

    @field_validator("redis_url")
    @classmethod
    def _a_redis_url_names_a_server(cls, value: str | None) -> str | None:
        if value is not None and not names_a_server(value):
            refuse(
                "is not the URL of a Redis server",
                "Write redis://host:6379/0, rediss:// for TLS, unix:///path/to/socket, or "
                "redis+sentinel://host:26379,host:26379/service.",
            )
        return value

    @field_validator("redis_prefix")
    @classmethod
    def _a_prefix_is_plain(cls, value: str | None) -> str | None:
        if value is not None and not _PREFIX.fullmatch(value):
            refuse("is not a prefix", "Use up to 64 letters, digits and any of : . _ -")
        return value

    @field_validator("store")
    @classmethod
    def _the_store_is_there_and_is_shared(cls, value: str, info: ValidationInfo) -> str:
        if value == "redis" and info.data.get("redis_url", "refused") is None:
            refuse("is redis without a REDIS_URL", "Set it, or leave STORE out.")
        if value == "memory" and info.data.get("workers", 1) > 1:
            refuse(
                "is memory while WORKERS is more than 1",
                "Each process would count by itself: leave STORE out to use the database.",
            )
        return value

    @property
    def chosen_store(self) -> Literal["memory", "database", "redis"]:
        """The kind of store that `STORE` means, if these `workers` are the only processes."""
        if self.store != "auto":
            return self.store
        if self.redis_url is not None:
            return "redis"
        return "database" if self.workers > 1 else "memory"
