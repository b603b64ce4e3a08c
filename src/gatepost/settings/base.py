"""The base of all groups of settings: descriptions of fields, and messages for their mistakes."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NoReturn, Self, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from gatepost.settings import environment
from gatepost.settings.errors import SettingProblem, SettingsError

_MESSAGES = {
    "missing": "is required and not set",
    "int_parsing": "is not a whole number",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
    "literal_error": "is not one of the values it takes",
}

# A consequence of another mistake, which is listed itself: a default from a refused value.
_CONSEQUENCE = "default_factory_not_called"


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """Documentation of a field in addition to its type.

    `takes` describes its values and `default` its default in words. `effective_default` is the
    meaning of a default of None, and `also` are its aliases.
    """

    takes: str = ""
    default: str = ""
    effective_default: str = ""
    also: tuple[str, ...] = ()


def setting_info(field: FieldInfo) -> SettingInfo:
    """The field's `SettingInfo`, or an empty one."""
    return next((item for item in field.metadata if isinstance(item, SettingInfo)), SettingInfo())


def names_of(field_name: str, field: FieldInfo) -> tuple[str, ...]:
    """The environment names of a field, its own first."""
    return (field_name.upper(), *setting_info(field).also)


def takes(field: FieldInfo) -> str:
    """The values a field takes, in words: from its description, or from its type and bounds."""
    said = setting_info(field).takes
    if said:
        return said
    if field.annotation is bool:
        return "true or false"
    if get_origin(field.annotation) is Literal:
        return ", ".join(str(choice) for choice in get_args(field.annotation))
    return " to ".join(_bounds(field))


def _bounds(field: FieldInfo) -> list[str]:
    lowest = [str(item.ge) for item in field.metadata if isinstance(item, Ge)]
    highest = [str(item.le) for item in field.metadata if isinstance(item, Le)]
    return lowest + highest


def refuse(message: str, advice: str) -> NoReturn:
    """Refuse a value from within a validator.

    `message` goes on after the setting's name ("is too short"). Neither text may hold the value:
    it may be a secret, or a secret put in the wrong place.
    """
    raise PydanticCustomError("setting", "{message}", {"message": message, "advice": advice})


class SettingsGroup(BaseModel):
    """A group of settings; its fields are the environment's names in lower case.

    Built from explicit values only. Raises `SettingsError` with every mistake in them.
    """

    # A process uses one or two of a dozen groups: the others' validators are never built.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )

    @model_validator(mode="wrap")
    @classmethod
    def _tell_every_mistake(cls, values: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            problems = _problems(cls.model_fields, error)
        # Outside the `except`, so that the error with the values in it is not carried along.
        raise SettingsError(problems)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, env_file: Path | str | None = ".env"
    ) -> Self:
        """Read the group's settings from `environ` (the process's own if None) and from `env_file`.

        The environment wins over the file, which need not exist. Names are read in any case, an
        empty value is none, and variables that are no settings are left alone. A server's own
        `--workers` counts as `WORKERS`, for a host application's server too. Raises
        `SettingsError` with every mistake, each under the name that was used.
        """
        names = {field: names_of(field, info) for field, info in cls.model_fields.items()}
        process = environment.read(
            environment.of_the_process() if environ is None else environ,
            names,
            where="the environment",
        )
        file = environment.read(_file_values(env_file), names, where=str(env_file))
        reading = environment.merge(process, file)
        problems = list(reading.problems.values())
        try:
            settings = cls.model_validate(dict(reading.values))
        except SettingsError as error:
            problems += [_under_its_name(problem, reading.names) for problem in error.problems]
        if problems:
            raise SettingsError(problems)
        return settings


def _problems(fields: dict[str, FieldInfo], error: ValidationError) -> list[SettingProblem]:
    details = error.errors(include_url=False, include_input=False)
    told = [_problem(fields, detail) for detail in details if detail["type"] != _CONSEQUENCE]
    return list(dict.fromkeys(told))


def _problem(fields: dict[str, FieldInfo], detail: ErrorDetails) -> SettingProblem:
    field_name = str(detail["loc"][0])
    context: dict[str, Any] = detail.get("ctx", {})
    if field_name not in fields:
        return _unknown(field_name, fields)
    if detail["type"] == "setting":
        return SettingProblem(field_name.upper(), context["message"], context["advice"])
    # Not the message of pydantic, which may quote the value.
    message = _MESSAGES.get(detail["type"], "cannot be read")
    return SettingProblem(field_name.upper(), message, _advice(field_name, fields[field_name]))


def _unknown(field_name: str, fields: dict[str, FieldInfo]) -> SettingProblem:
    close = difflib.get_close_matches(field_name, fields, n=1)
    advice = f"Did you mean {close[0]}?" if close else "docs/settings.md lists them all."
    return SettingProblem(field_name, "is not a setting", advice)


def _advice(field_name: str, field: FieldInfo) -> str:
    give = f"Give it {takes(field)}"
    if field_name == "secret_key":
        return f"{give}: `gatepost generate-secret` prints one."
    return f"{give}." if field.is_required() else f"{give}, or leave it out."


def _file_values(env_file: Path | str | None) -> dict[str, str | None]:
    if env_file is None:
        return {}
    try:
        return environment.read_file(Path(env_file))
    except (OSError, UnicodeDecodeError):
        advice = "Make it a UTF-8 text file that this process may read."
        problem = SettingProblem(str(env_file), "cannot be read", advice)
    raise SettingsError([problem])


def _under_its_name(problem: SettingProblem, names: Mapping[str, str]) -> SettingProblem:
    return replace(problem, name=names.get(problem.name.lower(), problem.name))
