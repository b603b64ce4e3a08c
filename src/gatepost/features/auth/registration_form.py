"""Converts registrations to accounts, and problems of a bulk registration to answers."""

from pydantic import ValidationError

from gatepost.errors import Problem, ValidationFailed
from gatepost.features.accounts.passwords import NewAccount
from gatepost.features.auth.schemas import FailedRow, Registration
from gatepost.security.password_policy import WeakPassword


def account_of(registration: Registration) -> NewAccount:
    """The account to create for a registration."""
    return NewAccount(
        registration.email,
        registration.password,
        registration.username,
        registration.full_name,
    )


def read_row(row: object) -> NewAccount | ValidationFailed:
    """The account to create for a row, or the row's problem."""
    try:
        return account_of(Registration.model_validate(row))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part in Registration.model_fields)
        return ValidationFailed(f"{place}: {first['msg']}" if place else first["msg"])


def failed_row(index: int, row: object, problem: Problem) -> FailedRow:
    """A row's problem as an answer, with the row's email address if that can be sent."""
    email = row.get("email") if isinstance(row, dict) else None
    is_nameable = isinstance(email, str) and email.isprintable()
    return FailedRow(
        index=index,
        email=str(email)[:320] if is_nameable else None,
        code=problem.code,
        detail=_detail_of(problem),
    )


def _detail_of(problem: Problem) -> str:
    """The problem in one sentence; a single registration gets a list of errors instead."""
    messages = [error["msg"] for error in problem.extensions.get("errors", ())]
    if isinstance(problem, WeakPassword):
        return " ".join(messages)
    return f"email: {messages[0]}" if messages else problem.detail
