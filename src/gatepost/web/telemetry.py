"""What the framework is to tell of requests."""

from fastapi.telemetry import TelemetryConfig

from gatepost.observability.tracing import DiscreetProvider
from gatepost.settings import ObservabilitySettings


def telemetry_of(settings: ObservabilitySettings) -> TelemetryConfig:
    """Spans if they are wanted, nothing else ever.

    Its log events would hold the texts of exceptions; and its own metrics are not ours.
    """
    config: TelemetryConfig = {
        "tracing": settings.tracing_enabled,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
    }
    if settings.tracing_enabled:
        config["tracer_provider"] = DiscreetProvider()
    return config
