"""The base of every refusal a client can receive."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

MOST_ERRORS = 20
"""The number of mistakes in one request that are listed one by one."""


class Problem(Exception):  # noqa: N818 - named for RFC 9457, not for Python
    """A refusal, rendered as RFC 9457 problem details by `web.problems`.

    `detail` is one sentence for the person reading it, never built from what was sent. `headers`
    go onto the answer; `extensions` are further members of the document, such as `errors`.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    when: ClassVar[str]
    """When a client meets it, in one sentence of docs/problems.md."""
    remedy: ClassVar[str]
    """What the client, or the operator, can do about it."""

    is_answered: ClassVar[bool] = True
    """Whether clients of the service meet it; False for what the command line alone raises."""

    keeps_writes: ClassVar[bool] = False
    """Commit what the request wrote before refusing it, as a security alarm must."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,  # noqa: ANN401 - RFC 9457 allows any JSON member
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.headers = dict(headers or {})
        self.extensions = extensions


class NotFound(Problem):
    """The address, or what it names, does not exist, or belongs to another user."""

    status = 404
    code = "not_found"
    title = "There is nothing here"
    when = "The address does not exist, or what it names does not, or belongs to somebody else."
    remedy = "Check the address and the id."


class ValidationFailed(Problem):
    """Input that does not say what it should.

    `errors` names the first 20 places, each `{loc, msg, type}`; where there are more, `error_count`
    says how many. An answer is never larger than what it answers.
    """

    status = 422
    code = "validation_error"
    title = "The request does not have the required shape"
    when = "A field of the body, the query or the path is missing, unknown or out of bounds."
    remedy = "Mend what `errors` names: `loc` says where, `msg` what, `type` which rule."

    def __init__(
        self, detail: str | None = None, *, errors: Sequence[Mapping[str, object]] = ()
    ) -> None:
        extensions: dict[str, Any] = {"errors": [*errors[:MOST_ERRORS]]} if errors else {}
        if len(errors) > MOST_ERRORS:
            extensions["error_count"] = len(errors)
        super().__init__(detail, **extensions)
