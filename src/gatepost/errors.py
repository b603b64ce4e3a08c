"""The base class of all problems that a client can receive."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

MOST_ERRORS = 20
"""The most errors of one request that are listed."""


class Problem(Exception):  # noqa: N818 - named for RFC 9457, not for Python
    """A refusal, rendered as RFC 9457 problem details by `web.problems`.

    `detail` is one sentence for a human reader, and contains nothing of the request. `headers` are
    added to the response; `extensions` are further members of the document, such as `errors`.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    when: ClassVar[str]
    """The situation in which it is sent, one sentence of docs/problems.md."""
    remedy: ClassVar[str]
    """The action for the client or the operator, for docs/problems.md."""

    is_answered: ClassVar[bool] = True
    """Whether the service sends it; False for problems of the command line only."""

    keeps_writes: ClassVar[bool] = False
    """Whether the writes of the request are committed, as those of a security alarm must be."""

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
    """The path or the resource does not exist, or the resource belongs to another user."""

    status = 404
    code = "not_found"
    title = "There is nothing here"
    when = "The address does not exist, or what it names does not, or belongs to somebody else."
    remedy = "Check the address and the id."


class ValidationFailed(Problem):
    """Invalid input.

    `errors` lists the first 20 errors, each `{loc, msg, type}`; if there are more, `error_count` is
    their number. So the size of the response is bounded.
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
