"""The parts of redis-py that not every supported version has."""

import importlib
import inspect
from typing import Any

from redis.asyncio.connection import AbstractConnection


def connection_options() -> dict[str, Any]:
    """Options for every connection: no maintenance notifications, where redis-py has them.

    They are for Redis Enterprise, and cost each new connection a command that others do not know.
    """
    known = inspect.signature(AbstractConnection.__init__).parameters
    if "maint_notifications_config" not in known:
        return {}
    notifications = importlib.import_module("redis.maint_notifications")
    return {"maint_notifications_config": notifications.MaintNotificationsConfig(enabled=False)}
