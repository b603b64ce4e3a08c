"""Why a request with an idempotency key can be refused."""

from gatepost.errors import Problem


class IdempotencyKeyInvalid(Problem):
    status = 400
    code = "idempotency_key_invalid"
    title = "The Idempotency-Key header is not a key"
    when = "The `Idempotency-Key` header is empty, too long, not visible ASCII, or sent twice."
    remedy = "Send one key of 1 to 255 characters, such as a UUID."


class IdempotencyConflict(Problem):
    """A concurrent request with the same key was first, and its answer is already deleted."""

    status = 409
    code = "idempotency_conflict"
    title = "The same request was under way"
    when = "The same request was being answered by another process, whose answer is gone."
    remedy = "Send the request again."


class IdempotencyKeyReused(Problem):
    status = 422
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"
    when = "The key came within the last 24 hours with another body, to the same address."
    remedy = "Give each thing to be done a key of its own; send the same bytes when trying again."


KEY_REFUSALS = (IdempotencyKeyInvalid, IdempotencyConflict, IdempotencyKeyReused)
"""Problems that every operation with an idempotency key can return."""
