"""Uses of redis-py that differ between its supported versions."""

import importlib
import inspect
from typing import Any

from redis.asyncio.connection import AbstractConnection


def connection_options() -> dict[str, Any]:
    """Options for every connection: no maintenance notifications, if redis-py supports them.

    They are a feature of Redis Enterprise, and send a command on each new connection that other
    servers do not know.
    """
    known = inspect.signature(AbstractConnection.__init__).parameters
    if "maint_notifications_config" not in known:
        return {}
    notifications = importlib.import_module("redis.maint_notifications")
    return {"maint_notifications_config": notifications.MaintNotificationsConfig(enabled=False)}
