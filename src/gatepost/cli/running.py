"""Runs a command's action on the configured database, and prints errors as sentences."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NoReturn, Protocol, Self, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from gatepost.cli.output import MISUSED, fail
from gatepost.configuration import Settings
from gatepost.db.diagnosis import explain_failure, is_transient
from gatepost.errors import Problem
from gatepost.features.accounts.identity import EmailInput, has_public_domain
from gatepost.runtime import Runtime, start_runtime
from gatepost.serving.listening import CannotListen
from gatepost.settings import SettingsError
from gatepost.starting import StartError, check_schema, reach_existing_database
from gatepost.work import Origin, Work, begin_work

T = TypeVar("T")


class _Readable(Protocol):
    @classmethod
    def from_environment(cls) -> Self: ...


Group = TypeVar("Group", bound=_Readable)


def read_settings(group: type[Group]) -> Group:
    """Read settings from the environment; if any are wrong, list all mistakes and exit 2."""
    try:
        return group.from_environment()
    except SettingsError as error:
        fail_for_settings(error)


def fail_for_settings(error: SettingsError) -> NoReturn:
    """List the mistakes in the settings, each with a remedy, and exit 2."""
    count = len(error.problems)
    title = "1 setting is wrong." if count == 1 else f"{count} settings are wrong."
    lines = [f"\n  {each.name} {each.message}.\n    {each.advice}" for each in error.problems]
    fail(title, *lines, status=MISUSED)


def run_in_transaction(
    action: Callable[[Work], Awaitable[T]],
    *,
    writes: bool = True,
    without_statement_timeout: bool = False,
) -> T:
    """Run the action in one transaction on the configured database, and return its result.

    Problems are printed, with exit status 1. An action that reads all rows needs
    `without_statement_timeout`.
    """

    async def in_runtime(runtime: Runtime) -> T:
        async with begin_work(runtime, new_origin(), writes=writes) as work:
            return await work.write(action) if writes else await action(work)

    with reporting_database_errors():
        return run_with_runtime(in_runtime, without_statement_timeout=without_statement_timeout)


def run_with_runtime(
    action: Callable[[Runtime], Awaitable[T]], *, without_statement_timeout: bool = False
) -> T:
    """Run an action that begins its own work, on a database whose schema is up to date."""

    async def opened(settings: Settings) -> T:
        async with at_head(
            settings, without_statement_timeout=without_statement_timeout
        ) as runtime:
            return await action(runtime)

    settings = read_settings(Settings)
    with reporting_problems():
        return asyncio.run(opened(settings))


@asynccontextmanager
async def at_head(
    settings: Settings, *, without_statement_timeout: bool = False
) -> AsyncIterator[Runtime]:
    """A runtime whose database answers and is at head; raises `StartError`."""
    async with start_runtime(
        settings, without_statement_timeout=without_statement_timeout
    ) as runtime:
        await reach_existing_database(runtime.engine)
        await check_schema(runtime.engine)
        yield runtime


@contextmanager
def reporting_problems() -> Iterator[None]:
    """Print a problem in the block as an error, with exit status 1, or 2 if it is a setting's."""
    try:
        yield
    except SettingsError as error:
        fail_for_settings(error)
    except (CannotListen, StartError) as error:
        fail(str(error))
    except Problem as problem:
        fail(f"{problem.detail.rstrip('.')}.", *_reasons(problem))


@contextmanager
def reporting_database_errors() -> Iterator[None]:
    """Print a transient database error as a sentence, with exit status 1."""
    try:
        yield
    except (SQLAlchemyError, ConnectionRefusedError, ConnectionResetError, TimeoutError) as error:
        if not is_transient(error):
            raise
        fail(f"The database is not available now: {explain_failure(error)}. Try again.")


def read_input(annotation: type[T], text: str, name: str) -> T:
    """Validate an argument as the API would; print a mistake, and exit 2."""
    try:
        return TypeAdapter(annotation).validate_python(text)
    except ValidationError as error:
        reason = error.errors(include_input=False, include_url=False)[0]["msg"]
        fail(f"{name} cannot be used: {reason.rstrip('.')}.", status=MISUSED)


def read_address(text: str, name: str) -> str:
    """Validate an email address for an account; print a mistake, and exit 2."""
    address = read_input(EmailInput, text, name)
    if not (
        read_settings(Settings).registration.email_special_domains or has_public_domain(address)
    ):
        reason = "its domain is not public, and EMAIL_SPECIAL_DOMAINS is not true"
        fail(f"{name} cannot be used: {reason}.", status=MISUSED)
    return address


def new_origin() -> Origin:
    """The origin of the command's work, for the audit log."""
    return Origin(request_id=f"cli-{secrets.token_hex(8)}", user_agent="gatepost command line")


def _reasons(problem: Problem) -> list[str]:
    return [f"  - {each['msg']}" for each in problem.extensions.get("errors", ())]
