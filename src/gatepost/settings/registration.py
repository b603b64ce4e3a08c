"""Settings of registration, and of the first admin."""

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from gatepost.settings import addresses
from gatepost.settings.base import SettingInfo, refuse
from gatepost.settings.passwords import PasswordSettings


def _default_email(data: dict[str, Any]) -> str | None:
    return "admin@example.com" if data["first_superuser_password"] else None


class RegistrationSettings(PasswordSettings):
    """Registration and the first admin."""

    registration_open: bool = Field(
        default=True,
        description="Whether anyone may register; if not, only admins create accounts.",
    )
    email_special_domains: bool = Field(
        default=False,
        description="Accept email addresses at bare hosts and non-public domains, such as "
        "`.local`, `.test` and `.localhost`, in registration, imports and commands.",
    )
    first_superuser_password: Annotated[
        str | None, SettingInfo(takes="a password that the rules above allow")
    ] = Field(
        default=None,
        repr=False,
        description="The password of the admin that is created at start if there is none.",
    )
    first_superuser_email: Annotated[
        str | None,
        SettingInfo(takes="an email address", default="`admin@example.com` if there is a password"),
    ] = Field(default_factory=_default_email, description="That admin's address.")
    first_superuser_full_name: Annotated[str | None, SettingInfo(takes="a name")] = Field(
        default=None, min_length=1, max_length=255, description="That admin's name."
    )

    @field_validator("first_superuser_password")
    @classmethod
    def _the_first_password_is_long_enough(
        cls, value: str | None, info: ValidationInfo
    ) -> str | None:
        if value is not None and len(value) < info.data.get("password_min_length", 8):
            refuse("is shorter than PASSWORD_MIN_LENGTH", "Choose a longer one, or leave it out.")
        return value

    @field_validator("first_superuser_email")
    @classmethod
    def _the_first_email_is_one(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if info.data.get("first_superuser_password", "refused") is None:
            refuse(
                "is given without FIRST_SUPERUSER_PASSWORD",
                "Set that too, or leave both out and run `gatepost create-admin`.",
            )
        allowed = info.data.get("email_special_domains", False)
        try:
            return addresses.normalise(value, special_domains=allowed)
        except addresses.NoAddress:
            refuse("is not an email address", "Write it as name@example.com.")
