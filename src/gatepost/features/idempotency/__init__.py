"""Answers to requests with an `Idempotency-Key`, stored and given again."""

from gatepost.manifest import Feature

FEATURE = Feature(
    name="idempotency",
    tables=("models:StoredAnswer",),
    purges={"idempotent_answers": "service:purge"},
    problems="errors",
)
