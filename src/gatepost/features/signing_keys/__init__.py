"""The key pairs that sign access tokens, and their public halves (RFC 7517)."""

from gatepost.manifest import Feature, Link, Mount, Tag

FEATURE = Feature(
    name="signing_keys",
    routers=(Mount("router:router", is_api=False),),
    tables=("models:StoredKey",),
    purges={"signing_keys": "service:purge"},
    events="events",
    problems="errors",
    tags=(Tag("keys", "The public keys that access tokens are verified with.", place=70),),
    links=(
        Link(
            "jwks",
            "/.well-known/jwks.json",
            "Public keys",
            "For services that verify access tokens themselves.",
        ),
    ),
)
