"""The audit events of signing keys."""

from gatepost.events import Event

SIGNING_KEY_CREATED = Event(
    "signing_key.created", owasp="sys_crypto", when="A key pair for access tokens is created."
)
SIGNING_KEY_ROTATED = Event(
    "signing_key.rotated",
    owasp="sys_crypto",
    when="The signing key is rotated: a new key pair signs from now on.",
)
