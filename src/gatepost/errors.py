"""The base of every refusal a client can receive."""

from collections.abc import Mapping
from typing import Any, ClassVar


class Problem(Exception):  # noqa: N818 - named for RFC 9457, not for Python
    """A refusal, rendered as RFC 9457 problem details by `web.problems`.

    `detail` is one sentence for the person reading it, never built from what was sent. `headers`
    go onto the answer; `extensions` are further members of the document, such as `errors`.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

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


class ValidationFailed(Problem):
    """Input that does not say what it should; `errors` names each place: `{loc, msg, type}`."""

    status = 422
    code = "validation_error"
    title = "The request does not have the required shape"
