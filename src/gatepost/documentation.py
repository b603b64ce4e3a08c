"""Writes docs/problems.md out of every kind of problem that the service can answer with."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gatepost.app  # noqa: F401 - it imports the problems that are no feature's
from gatepost.errors import Problem
from gatepost.features import FEATURES
from gatepost.manifest import load_all
from gatepost.web.problems import problem_kinds


@dataclass(frozen=True, slots=True)
class Explanation:
    """When a client meets a problem, and what it can do about it."""

    when: str
    remedy: str


EXPLANATIONS: Mapping[str, Explanation] = {
    "bad_request": Explanation(
        "The body cannot be read as what its `Content-Type` says, or what came is no HTTP.",
        "Send well-formed JSON or form data.",
    ),
    "cors_rejected": Explanation(
        "A browser asks whether a page of another origin may send this request, and it may not.",
        "Add the page's origin to `ALLOWED_ORIGINS`, if it is yours.",
    ),
    "csrf_rejected": Explanation(
        "A page of another site made a browser send a request that changes something, with the "
        "user's cookies.",
        "Add the site's origin to `ALLOWED_ORIGINS`, if it is yours; or send a bearer token and no "
        "cookies.",
    ),
    "database_unavailable": Explanation(
        "The database is unreachable, restarting, or has no free connection or lock in time.",
        "Send the request again after `Retry-After` seconds.",
    ),
    "email_taken": Explanation(
        "An account with this address exists; upper and lower case are alike.",
        "Log in, or take another address.",
    ),
    "head_too_large": Explanation(
        "The address with all header fields is more than 64 KiB, or there are more than a hundred.",
        "Send fewer and shorter ones: mostly it is cookies.",
    ),
    "idempotency_conflict": Explanation(
        "The same request was being answered by another process, whose answer is gone.",
        "Send the request again.",
    ),
    "idempotency_key_invalid": Explanation(
        "The `Idempotency-Key` header is empty, too long, not visible ASCII, or sent twice.",
        "Send one key of 1 to 255 characters, such as a UUID.",
    ),
    "idempotency_key_reused": Explanation(
        "The key came within the last 24 hours with another body, to the same address.",
        "Give each thing to be done a key of its own; send the same bytes when trying again.",
    ),
    "internal_error": Explanation(
        "The service made a mistake.",
        "Report the `request_id`: the log tells the rest under it.",
    ),
    "invalid_credentials": Explanation(
        "A login names no account, a disabled one, or gives a wrong password: the answer is the "
        "same.",
        "Check both, and try again.",
    ),
    "invalid_token": Explanation(
        "The token is forged, expired, spent, of another kind, or its session has ended.",
        "Refresh the session once; if the refresh token is refused too, log in again.",
    ),
    "last_admin": Explanation(
        "The last active admin would be demoted, disabled or deleted.",
        "Make another user an admin first.",
    ),
    "login_locked": Explanation(
        "Too many wrong passwords for this account, from this client or from anywhere; the account "
        "need not exist, and the password may be right.",
        "Wait as long as `Retry-After` says; an admin or `gatepost users unlock` ends it sooner.",
    ),
    "method_not_allowed": Explanation(
        "The address exists, but not for this method.",
        "Use one of the methods in the `Allow` header.",
    ),
    "metrics_refused": Explanation(
        "Somebody asks for `/metrics` from outside of `METRICS_ALLOWED`, or by way of a proxy that "
        "is not one of `TRUSTED_PROXIES`, and without the right token.",
        "Ask from inside, or send `Authorization: Bearer` with `METRICS_TOKEN`.",
    ),
    "not_authenticated": Explanation(
        "The request carries no token.",
        "Log in, and send `Authorization: Bearer` with the access token, or the cookies.",
    ),
    "not_found": Explanation(
        "The address does not exist, or what it names does not, or belongs to somebody else.",
        "Check the address and the id.",
    ),
    "payload_too_large": Explanation(
        "The body is larger than `MAX_REQUEST_BODY_SIZE`.",
        "Send less at a time.",
    ),
    "permission_denied": Explanation(
        "The caller is known, and their role does not allow this.",
        "Ask an admin.",
    ),
    "rate_limited": Explanation(
        "A client sends more requests, logins, registrations or refreshes than it may.",
        "Wait as long as `Retry-After` says. `RATE_LIMIT_REQUESTS` and its kin are the limits.",
    ),
    "registration_closed": Explanation(
        "Anybody but an admin registers while registration is closed.",
        "Ask an admin for an account.",
    ),
    "request_timeout": Explanation(
        "The body was still arriving after `BODY_TIMEOUT_SECONDS`.",
        "Send the request again, over a better connection.",
    ),
    "server_busy": Explanation(
        "More passwords are waiting to be hashed than the service will hold in line.",
        "Send the request again after `Retry-After` seconds.",
    ),
    "signing_keys_unreadable": Explanation(
        "The private keys in the database were encrypted under another `SECRET_KEY`, or changed "
        "since.",
        "Tell the operator, who sets that `SECRET_KEY` again.",
    ),
    "store_unavailable": Explanation(
        "What the processes share (Redis, or a table of the database) does not answer, and the "
        "request is about nothing else.",
        "Try again; see that the server of `REDIS_URL` runs.",
    ),
    "unsupported_media_type": Explanation(
        "A body is neither JSON nor, where one is accepted, a form; or is not in UTF-8.",
        "Send `Content-Type: application/json`.",
    ),
    "unusable_password": Explanation(
        "No hash may be made of this password, by its length or its characters.",
        "Choose another password.",
    ),
    "user_referenced": Explanation(
        "The database is shared, and a foreign key of another application's table forbids the "
        "deletion.",
        "Delete those rows first, or disable the account; a foreign key with `ON DELETE CASCADE` "
        "or `SET NULL` lets accounts be deleted.",
    ),
    "username_taken": Explanation(
        "An account with this username exists; upper and lower case are alike.",
        "Take another username.",
    ),
    "validation_error": Explanation(
        "A field of the body, the query or the path is missing, unknown or out of bounds.",
        "Mend what `errors` names: `loc` says where, `msg` what, `type` which rule.",
    ),
    "weak_password": Explanation(
        "A new password does not meet the policy.",
        "Choose one that meets every rule that `errors` names.",
    ),
    "wrong_password": Explanation(
        "A change that takes the current password came with another one.",
        "Give the current password.",
    ),
}

_INTRODUCTION = """\
# Problems

<!-- Written by `python -m gatepost.documentation` from the problems in src/gatepost. -->

Every refusal is an RFC 9457 document, `application/problem+json`, with these members:

| member | what it is |
| --- | --- |
| `type` | `urn:gatepost:problem:` and the code |
| `title` | the kind of problem, in words |
| `status` | the HTTP status |
| `detail` | this occurrence, in words; never what was sent |
| `code` | the kind of problem, for programs: it never changes |
| `request_id` | names the request in the logs; also in the `X-Request-ID` header |
| `errors` | for 422: a list of `{"loc", "msg", "type"}`, one for each mistake |

A 401 has a `WWW-Authenticate` header, a 405 an `Allow`; a 503 says in `Retry-After` when to come
back. Titles and details may be reworded; decide by `code`. These are all the codes there are:

| code | status | title | when | what to do |
| --- | --- | --- | --- | --- |
"""


def render() -> str:
    """All problems as a page of Markdown, by code.

    Raises `KeyError` for a code without an explanation, and `ValueError` for one that two kinds
    use with different statuses or titles.
    """
    list(load_all(FEATURES, "problems"))
    by_code: dict[str, list[type[Problem]]] = {}
    for kind in problem_kinds():
        if kind.__module__.startswith("gatepost."):
            by_code.setdefault(kind.code, []).append(kind)
    return _INTRODUCTION + "".join(_row(code, by_code[code]) for code in sorted(by_code))


def write(root: Path) -> None:
    """Write the page below `root`, the project's folder."""
    page = root / "docs" / "problems.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(render(), encoding="utf-8")


def _row(code: str, kinds: Sequence[type[Problem]]) -> str:
    meanings = {(kind.status, kind.title) for kind in kinds}
    if len(meanings) > 1:
        raise ValueError(f"{code} means several things: {sorted(meanings)}")
    (status, title) = meanings.pop()
    explanation = EXPLANATIONS[code]
    return f"| `{code}` | {status} | {title} | {explanation.when} | {explanation.remedy} |\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
