"""Registrations as they come, and refused rows of a bulk registration as they are answered."""

from pydantic import ValidationError

from gatepost.errors import Problem, ValidationFailed
from gatepost.features.accounts.passwords import NewAccount
from gatepost.features.auth.schemas import FailedRow, Registration
from gatepost.security.password_policy import WeakPassword


def account_of(registration: Registration) -> NewAccount:
    """The account that a registration asks for."""
    return NewAccount(
        registration.email,
        registration.password,
        registration.username,
        registration.full_name,
    )


def read_row(row: object) -> NewAccount | ValidationFailed:
    """The account that a row asks for, or what is wrong with the row."""
    try:
        return account_of(Registration.model_validate(row))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part in Registration.model_fields)
        return ValidationFailed(f"{place}: {first['msg']}" if place else first["msg"])


def failed_row(index: int, row: object, problem: Problem) -> FailedRow:
    """The refusal of a row, with the address to name it by, if that can be written down."""
    email = row.get("email") if isinstance(row, dict) else None
    is_nameable = isinstance(email, str) and email.isprintable()
    return FailedRow(
        index=index,
        email=str(email)[:320] if is_nameable else None,
        code=problem.code,
        detail=_detail_of(problem),
    )


def _detail_of(problem: Problem) -> str:
    """The refusal in one sentence, where a single registration gets a list of errors."""
    messages = [error["msg"] for error in problem.extensions.get("errors", ())]
    if isinstance(problem, WeakPassword):
        return " ".join(messages)
    return f"email: {messages[0]}" if messages else problem.detail
