"""The metrics of logins."""

from gatepost.features.accounts.events import LOGIN_LOCKED
from gatepost.features.auth.events import LOGIN_FAILED, LOGIN_SUCCEEDED
from gatepost.observability.descriptions import Description

METRICS = (
    Description(
        "gatepost_logins_total",
        "counter",
        "Logins by outcome: `succeeded`, `failed`; `locked` are failures that locked an account.",
        ("outcome",),
        initial_values=("succeeded", "failed", "locked"),
        by_event={
            LOGIN_SUCCEEDED.name: "succeeded",
            LOGIN_FAILED.name: "failed",
            LOGIN_LOCKED.name: "locked",
        },
    ),
)
