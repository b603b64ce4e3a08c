"""Why a request with an idempotency key can be refused."""

from gatepost.errors import Problem


class IdempotencyKeyInvalid(Problem):
    status = 400
    code = "idempotency_key_invalid"
    title = "The Idempotency-Key header is not a key"


class IdempotencyConflict(Problem):
    """Of two requests at once the other was first, and its answer is not there any more."""

    status = 409
    code = "idempotency_conflict"
    title = "The same request was under way"


class IdempotencyKeyReused(Problem):
    status = 422
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"
