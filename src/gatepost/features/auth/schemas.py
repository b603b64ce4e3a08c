"""Requests and answers of registration, login and refresh."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from gatepost.bodies import RequestBody, with_example
from gatepost.features.accounts.identity import EmailInput, FullNameInput, UsernameInput
from gatepost.features.accounts.schemas import USER_EXAMPLE, PasswordInput, UserRead
from gatepost.text import refuse_unprintable

Transport = Literal["bearer", "cookie"]

LoginName = Annotated[str, Field(min_length=1, max_length=320), AfterValidator(refuse_unprintable)]
"""Not validated: a text that is no email address or username is refused as wrong credentials."""


_CREDENTIALS_EXAMPLE = {"email": "ada@example.com", "password": "a sentence that only I know"}


class Registration(RequestBody):
    """A new account."""

    model_config = ConfigDict(
        json_schema_extra=with_example(
            {**_CREDENTIALS_EXAMPLE, "full_name": "Ada Lovelace", "username": "ada"}
        )
    )

    email: EmailInput
    password: PasswordInput
    full_name: FullNameInput | None = None
    username: UsernameInput | None = None


class BulkRegistration(RequestBody):
    """Up to a hundred new accounts, each as a single registration takes it.

    Each row is validated on its own, so that a malformed row fails alone.
    """

    model_config = ConfigDict(
        json_schema_extra=with_example(
            {
                "users": [
                    _CREDENTIALS_EXAMPLE,
                    {**_CREDENTIALS_EXAMPLE, "email": "grace@example.com"},
                ]
            }
        )
    )

    users: Annotated[
        list[Any],
        Field(
            min_length=1,
            max_length=100,
            json_schema_extra={"items": {"$ref": "#/components/schemas/Registration"}},
        ),
    ]


class FailedRow(BaseModel):
    """A refused row of a bulk registration."""

    index: int = Field(description="Its place in the request, from 0.")
    email: str | None = Field(description="Its address, where it was one.")
    code: str = Field(description="The code of the problem that a single registration gets.")
    detail: str


class BulkResult(BaseModel):
    """The result of a bulk registration: the accounts created, and the refused rows."""

    model_config = ConfigDict(
        json_schema_extra=with_example(
            {
                "created": [USER_EXAMPLE],
                "failed": [
                    {
                        "index": 1,
                        "email": "grace@example.com",
                        "code": "email_taken",
                        "detail": "An account with this email address exists",
                    }
                ],
            }
        )
    )

    created: list[UserRead]
    failed: list[FailedRow]


class Credentials(RequestBody):
    """An email address or a username, and the password."""

    email: LoginName | None = None
    username: LoginName | None = Field(default=None, description="An email address will do too.")
    password: PasswordInput

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.email is None) == (self.username is None):
            raise PydanticCustomError("login_name", "Give either `email` or `username`.")
        return self

    @property
    def login(self) -> str:
        return self.email or self.username or ""


class LoginRequest(Credentials):
    """Credentials, and the transport of the tokens."""

    model_config = ConfigDict(json_schema_extra=with_example(_CREDENTIALS_EXAMPLE))

    transport: Transport | None = Field(
        default=None,
        description="`cookie` keeps the tokens out of the body, `bearer` out of cookies.",
    )


class RefreshRequest(RequestBody):
    """The refresh token, unless it is sent in its cookie."""

    model_config = ConfigDict(
        json_schema_extra=with_example({"refresh_token": "eyJhbGciOiJIUzI1NiIs..."})
    )

    refresh_token: Annotated[str, Field(min_length=1, max_length=8192)] | None = None


class TokenRead(BaseModel):
    """The tokens of a session; left out of the body if they are sent in cookies."""

    model_config = ConfigDict(
        json_schema_extra=with_example(
            {
                "access_token": "eyJhbGciOiJIUzI1NiIs...",
                "refresh_token": "eyJhbGciOiJIUzI1NiIs...",
                "token_type": "bearer",
                "expires_in": 900,
            }
        )
    )

    access_token: str | None = None
    refresh_token: str | None = None
    token_type: Literal["bearer", "cookie"] = "bearer"  # noqa: S105 - no secret
    expires_in: int = Field(description="Lifetime of the access token in seconds.")
