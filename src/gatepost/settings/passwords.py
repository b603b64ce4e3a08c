"""Settings of passwords: the policy, and the cost of hashing."""

from base64 import b64decode
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from gatepost.settings.base import SettingInfo, refuse
from gatepost.settings.service import ServiceSettings
from gatepost.settings.values import read_list

# The least memory in KiB for each time cost, all of equal strength (OWASP Password Storage).
_LEAST_MEMORY = {1: 47104, 2: 19456, 3: 12288, 4: 9216, 5: 7168}
_LEAST_BCRYPT_COST = 10

_LEAST_SIGNER_KEY_BYTES = 16

MOST_HASH_THREADS = 64

_FOR_TESTS = "DEBUG=true allows less, for tests."


class PasswordSettings(ServiceSettings):
    """Passwords."""

    password_min_length: int = Field(
        default=8, ge=8, le=64, description="The least length of a password, in characters."
    )
    password_max_length: int = Field(
        default=256, ge=64, le=1024, description="The greatest length of a password."
    )
    password_require: Annotated[
        frozenset[Literal["upper", "lower", "digit", "special"]],
        BeforeValidator(read_list),
        SettingInfo(
            takes="any of upper, lower, digit, special, separated by commas", default="none"
        ),
    ] = Field(
        default=frozenset(),
        description="Kinds of characters that every password must contain. Length protects better.",
    )
    password_hasher: Literal["argon2", "bcrypt"] = Field(
        default="argon2",
        description="The password hash. Hashes of both kinds can be verified; a login replaces an "
        "outdated one.",
    )
    argon2_parallelism: int = Field(
        default=1, ge=1, le=16, description="Argon2id's parallelism: the number of lanes."
    )
    argon2_time_cost: int = Field(
        default=2, ge=1, le=100, description="Argon2id's time cost: the number of passes."
    )
    argon2_memory_kib: Annotated[
        int, SettingInfo(takes="47104, 19456, 12288, 9216, 7168 or more for 1, 2, 3, 4, 5 passes")
    ] = Field(
        default=19456,
        ge=8,
        le=4 * 1024 * 1024,
        validate_default=True,
        description="Argon2id's memory for one hash, in KiB.",
    )
    argon2_backend: Literal["auto", "argon2-cffi", "native"] = Field(
        default="auto",
        description="The implementation of Argon2. `native` is built by `make install NATIVE=1`, "
        "faster, for one kind of processor; `auto` is the fastest that works here. The hashes are "
        "the same.",
    )
    bcrypt_cost: Annotated[int, SettingInfo(takes="10 to 16")] = Field(
        default=12, ge=4, le=16, description="bcrypt's cost: each step doubles the work."
    )
    hash_threads: Annotated[int, SettingInfo(takes="0 to 64", default="0: one a core")] = Field(
        default=0,
        ge=0,
        le=MOST_HASH_THREADS,
        description="Threads of each process that hash passwords. The processes of "
        "`gatepost serve` share the cores.",
    )
    hash_queue_limit: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="Hashes that may wait for a thread; further requests are answered 503.",
    )

    firebase_signer_key: Annotated[
        str | None, SettingInfo(takes="base64, as the Firebase console shows it", default="none")
    ] = Field(
        default=None,
        repr=False,
        description="The `base64_signer_key` of the Firebase project that users were imported "
        "from, needed until they have logged in once.",
    )

    @field_validator("firebase_signer_key")
    @classmethod
    def _signer_key_is_base64(cls, value: str | None) -> str | None:
        try:
            key = b64decode(value or "", validate=True)
        except ValueError:
            key = b""
        if value is not None and len(key) < _LEAST_SIGNER_KEY_BYTES:
            refuse("is not a signer key in base64", "Copy `base64_signer_key` from the console.")
        return value

    @field_validator("password_max_length")
    @classmethod
    def _lengths_leave_room(cls, value: int, info: ValidationInfo) -> int:
        if value <= info.data.get("password_min_length", 0):
            refuse("is not more than PASSWORD_MIN_LENGTH", "Raise it, or lower the other.")
        return value

    @field_validator("argon2_memory_kib")
    @classmethod
    def _argon2_costs_enough(cls, value: int, info: ValidationInfo) -> int:
        passes = info.data.get("argon2_time_cost", 2)
        if value < 8 * info.data.get("argon2_parallelism", 1):
            refuse("is less than 8 for each lane", "Raise it, or lower ARGON2_PARALLELISM.")
        least = _LEAST_MEMORY[min(passes, max(_LEAST_MEMORY))]
        if value < least and not info.data.get("debug", False):
            refuse(
                f"is too little for ARGON2_TIME_COST={passes}",
                f"Give it {least} or more, or raise ARGON2_TIME_COST. {_FOR_TESTS}",
            )
        return value

    @field_validator("bcrypt_cost")
    @classmethod
    def _bcrypt_costs_enough(cls, value: int, info: ValidationInfo) -> int:
        if value < _LEAST_BCRYPT_COST and not info.data.get("debug", False):
            refuse("is too small", f"Give it {_LEAST_BCRYPT_COST} to 16. {_FOR_TESTS}")
        return value
