"""The service for any ASGI server, from the environment alone: `uvicorn gatepost.asgi:app`.

To import this module is to start a process: it reads the settings. Where they are wrong it lists
every mistake on standard error and exits with status 2.
"""

import gc
import sys

from starlette.types import Message, Receive, Scope, Send

from gatepost.app import create_app
from gatepost.draining import Draining, end_with_parent
from gatepost.observability.logs import configure_logging
from gatepost.settings import Settings, SettingsError
from gatepost.starting import StartError
from gatepost.stores.choice import has_a_supervisor

_OBJECTS_BETWEEN_COLLECTIONS = 10_000


def _read_settings() -> Settings:
    try:
        return Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
    # Both gunicorn and uvicorn start a worker anew, for ever, unless it ends with status 3.
    sys.exit(3 if has_a_supervisor() else 2)


_settings = _read_settings()
configure_logging(_settings, _settings.secret_texts)
if _settings.tracing_enabled:
    from gatepost.observability.tracing import start_exporting

    start_exporting(_settings.project_name)
_draining = Draining(_settings.shutdown_delay_seconds)
_service = create_app(_settings)
_service.state.readiness_checks["accepting"] = _draining.is_accepting


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The service; why it cannot start is told in a sentence, not in a traceback."""
    if scope["type"] == "lifespan":
        await _service(scope, receive, _telling(send))
    else:
        await _service(scope, receive, _draining.closing(send))


def _telling(send: Send) -> Send:
    async def tell(message: Message) -> None:
        # The framework sends this while it handles the exception.
        error = sys.exc_info()[1]
        if message["type"] == "lifespan.startup.failed" and isinstance(error, StartError):
            message = {**message, "message": str(error)}
        if message["type"] == "lifespan.startup.complete":
            _settle()
        await send(message)

    return tell


def _settle() -> None:
    """What is there now stays: the collector need not look at it again, which takes it long.

    Nor need it look at what came since three times a request, as it does by default: what a request
    leaves behind is hardly ever a cycle.
    """
    _draining.await_signal()
    end_with_parent(_settings.shutdown_delay_seconds)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    gc.enable()
