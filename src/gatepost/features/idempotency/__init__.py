"""Answers to requests with an `Idempotency-Key`, stored and given again."""

from gatepost.manifest import Feature, Header

FEATURE = Feature(
    name="idempotency",
    metrics="metrics:METRICS",
    tables=("models:StoredAnswer",),
    purges={"idempotent_answers": "service:purge"},
    problems="errors",
    headers=(
        Header(
            "Idempotency-Key",
            answers={
                "Idempotency-Replayed": {
                    "description": "Present where this is the answer to an earlier request of the "
                    "same key.",
                    "schema": {"type": "string", "const": "true"},
                }
            },
            refusals="errors:KEY_REFUSALS",
        ),
    ),
)
