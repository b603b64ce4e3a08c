"""Parses a request's body as strict JSON; a mistake becomes a `ValidationFailed`."""

from typing import Any, Final

from gatepost.client.strict_json import InvalidJson, Reason, StrictJson
from gatepost.errors import ValidationFailed
from gatepost.web.problems import field_error

MOST_MEMBERS = 100
"""Of one object or array: several times as many as any route needs, and cheap to validate."""

_REFUSALS: Final[dict[Reason, tuple[str, str]]] = {
    "byte_order_mark": (
        "json_invalid",
        "Leave out the byte order mark (RFC 8259 section 8.1)",
    ),
    "duplicate_member": ("json_duplicate_member", "Give each member once"),
    "not_a_number": ("json_invalid", "The body is not JSON: it has a number that is none"),
    "not_utf8": ("json_invalid", "The body is not in UTF-8"),
    "number_too_large": ("json_number_too_large", "Leave out numbers that no double can hold"),
    "syntax": ("json_invalid", "The body is not JSON"),
    "too_deep": ("json_too_deep", "Nest objects and arrays less deeply"),
    "too_many_members": (
        "json_too_many_members",
        f"Give an object or an array at most {MOST_MEMBERS} members",
    ),
}
"""The type and the message of each refusal."""

_BODIES: Final = StrictJson(MOST_MEMBERS)


def read_json(body: bytes) -> Any:  # noqa: ANN401 - JSON is any value
    """Parse a JSON text in UTF-8; raises `ValidationFailed`, which never contains the text."""
    try:
        return _BODIES.read(body)
    except InvalidJson as error:
        refused = error
    kind, sentence = _REFUSALS[refused.reason]
    place = {"loc": ("body", *refused.place), "msg": sentence, "type": kind}
    raise ValidationFailed("The body is not as it should be.", errors=[field_error(place)])
