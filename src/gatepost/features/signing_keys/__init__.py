"""The key pairs that sign access tokens, and their public halves (RFC 7517)."""

from gatepost.manifest import Feature, Mount

FEATURE = Feature(
    name="signing_keys",
    routers=(Mount("router:router", is_api=False),),
    tables=("models:StoredKey",),
    purges={"signing_keys": "service:purge"},
    events="events",
    problems="errors",
)
