"""Users in requests and answers."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StrictBool,
    field_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from gatepost.bodies import RequestBody, with_example
from gatepost.client.callers import Given, never_injected, schema_of_caller
from gatepost.features.accounts.identity import EmailInput, FullNameInput, UsernameInput
from gatepost.features.callers.roles import Role

PasswordInput = Annotated[
    str, Field(max_length=4096, description="Taken exactly as typed, but for NFC normalisation.")
]
"""Bounded for the parser's sake; the policy's own limit is judged where a password is set."""


USER_EXAMPLE = {
    "id": 7,
    "email": "ada@example.com",
    "username": "ada",
    "full_name": "Ada Lovelace",
    "role": "user",
    "is_active": True,
    "email_verified": False,
    "created_at": "2026-05-01T12:00:00Z",
    "updated_at": "2026-05-01T12:00:00Z",
}


class UserRead(BaseModel):
    """A user, without the password's hash or any secret. Frozen, as several requests share one."""

    model_config = ConfigDict(
        from_attributes=True, frozen=True, json_schema_extra=with_example(USER_EXAMPLE)
    )

    id: int
    email: str
    username: str | None
    full_name: str | None
    role: Role
    is_active: bool
    email_verified: bool
    created_at: datetime
    updated_at: datetime


@never_injected
class User(UserRead):
    """The caller as a user, as a host's routes receive it.

    Code constructs one by keyword, such as a test that replaces the caller; pydantic refuses
    any input that is not one already. Raises pydantic's `ValidationError` for bad values.
    """

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - pydantic's own signature
        self.__pydantic_validator__.validate_python(Given(values), self_instance=self)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:  # noqa: ANN401 - as above
        never_injected(cls)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return schema_of_caller(cls, source, handler)


class _Changes(RequestBody):
    @field_validator("email", "role", "is_active", mode="before", check_fields=False)
    @classmethod
    def _keep_required(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null_not_allowed", "Leave the field out to keep its value")
        return value


class UserCreate(RequestBody):
    """A new account that an admin creates. Without a password, its user cannot log in by one."""

    model_config = ConfigDict(
        json_schema_extra=with_example(
            {"email": "ada@example.com", "full_name": "Ada Lovelace", "role": "moderator"}
        )
    )

    email: EmailInput
    password: PasswordInput | None = None
    full_name: FullNameInput | None = None
    username: UsernameInput | None = None
    role: Role = Role.USER


class ProfileUpdate(_Changes):
    """Changes to the caller's own profile; absent fields keep their value."""

    model_config = ConfigDict(json_schema_extra=with_example({"full_name": "Ada King"}))

    full_name: FullNameInput | None = None
    username: UsernameInput | None = None
    email: EmailInput | None = None
    current_password: PasswordInput | None = Field(
        default=None, description="Required to change the email address."
    )


class UserUpdate(_Changes):
    """Changes to a user; only admins may change `email`, `role` and `is_active`."""

    model_config = ConfigDict(json_schema_extra=with_example({"role": "moderator"}))

    full_name: FullNameInput | None = None
    username: UsernameInput | None = None
    email: EmailInput | None = None
    role: Role | None = None
    is_active: StrictBool | None = None


class PasswordChange(RequestBody):
    """The current password, and the new one."""

    model_config = ConfigDict(
        json_schema_extra=with_example(
            {
                "current_password": "a sentence that only I know",
                "new_password": "another sentence that only I know",
            }
        )
    )

    current_password: PasswordInput
    new_password: PasswordInput


class Message(BaseModel):
    """A sentence that says what was done."""

    model_config = ConfigDict(
        json_schema_extra=with_example({"message": "Logged out successfully"})
    )

    message: str
