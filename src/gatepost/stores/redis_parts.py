"""The parts of redis-py that not every supported version has."""

import importlib
from importlib.util import find_spec
from typing import Any


def connection_options() -> dict[str, Any]:
    """Options for every connection: no maintenance notifications, which redis-py has since 7.0.

    They are for Redis Enterprise, and cost each new connection a command that others do not know.
    """
    if find_spec("redis.maint_notifications") is None:
        return {}
    notifications = importlib.import_module("redis.maint_notifications")
    return {"maint_notifications_config": notifications.MaintNotificationsConfig(enabled=False)}
