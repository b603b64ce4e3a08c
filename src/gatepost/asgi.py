"""The service for any ASGI server, configured by the environment: `uvicorn gatepost.asgi:app`.

Importing this module reads the settings. If they are wrong, it lists every mistake on standard
error and exits with status 2.
"""

import sys

from starlette.types import Message, Receive, Scope, Send

from gatepost.serving.loading import load_fastapi, settle

load_fastapi()

from gatepost.app import create_app
from gatepost.configuration import Settings
from gatepost.observability.logs import configure_logging
from gatepost.serving.graceful import GracefulShutdown
from gatepost.serving.orphans import end_with_parent
from gatepost.settings import SettingsError
from gatepost.starting import StartError
from gatepost.stores.factory import is_supervised


def _read_settings() -> Settings:
    try:
        return Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
    # Both gunicorn and uvicorn restart a worker endlessly, unless it exits with status 3.
    sys.exit(3 if is_supervised() else 2)


_settings = _read_settings()
configure_logging(_settings.observability, _settings.secret_texts)
if _settings.observability.tracing_enabled:
    from gatepost.observability.tracing import start_exporting

    start_exporting(_settings.service.project_name)
_shutdown = GracefulShutdown(_settings.service.shutdown_delay_seconds)
_service = create_app(_settings)
_service.state.readiness_checks["accepting"] = _shutdown.is_accepting


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The service. If it cannot start, the server logs a sentence instead of a traceback."""
    if scope["type"] == "lifespan":
        await _service(scope, receive, _explaining(send))
    else:
        await _service(scope, receive, _shutdown.close_after(send))


def _explaining(send: Send) -> Send:
    async def send_explained(message: Message) -> None:
        # The framework sends this while it handles the exception.
        error = sys.exc_info()[1]
        if message["type"] == "lifespan.startup.failed" and isinstance(error, StartError):
            message = {**message, "message": str(error)}
        if message["type"] == "lifespan.startup.complete":
            _on_started()
        await send(message)

    return send_explained


def _on_started() -> None:
    _shutdown.intercept_sigterm()
    end_with_parent(_settings.service.shutdown_delay_seconds)
    settle()
