"""Runs a command's story: settings, database, schema, one transaction; refusals become words."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NoReturn, TypeVar

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
from gatepost.settings.base import SettingsGroup
from gatepost.starting import StartError, check_schema, reach_database_that_is_there
from gatepost.work import Origin, Work, begin_work

T = TypeVar("T")
Group = TypeVar("Group", bound=SettingsGroup)


def read_settings(group: type[Group]) -> Group:
    """Read a group of settings from the environment; with mistakes, list them all and exit 2."""
    try:
        return group.from_environment()
    except SettingsError as error:
        tell_mistakes(error)


def tell_mistakes(error: SettingsError) -> NoReturn:
    """List the mistakes in the settings, each with what to do about it, and exit 2."""
    count = len(error.problems)
    title = "1 setting is wrong." if count == 1 else f"{count} settings are wrong."
    lines = [f"\n  {each.name} {each.message}.\n    {each.advice}" for each in error.problems]
    fail(title, *lines, status=MISUSED)


def run_work(
    story: Callable[[Work], Awaitable[T]],
    *,
    writes: bool = True,
    without_statement_timeout: bool = False,
) -> T:
    """Run a story as one piece of work on the database of the environment.

    One that goes through all rows `without_statement_timeout`: none of its statements is given up.
    """

    async def in_runtime(runtime: Runtime) -> T:
        async with begin_work(runtime, new_origin(), writes=writes) as work:
            return await work.write(story) if writes else await story(work)

    with telling_a_busy_database():
        return run_runtime(in_runtime, without_statement_timeout=without_statement_timeout)


def run_runtime(
    story: Callable[[Runtime], Awaitable[T]], *, without_statement_timeout: bool = False
) -> T:
    """Run a story that begins its own work, on a database that is at head."""

    async def opened(settings: Settings) -> T:
        async with at_head(
            settings, without_statement_timeout=without_statement_timeout
        ) as runtime:
            return await story(runtime)

    settings = read_settings(Settings)
    with telling_refusals():
        return asyncio.run(opened(settings))


@asynccontextmanager
async def at_head(
    settings: Settings, *, without_statement_timeout: bool = False
) -> AsyncIterator[Runtime]:
    """A runtime whose database answers and is at head; raises `StartError`."""
    async with start_runtime(
        settings, without_statement_timeout=without_statement_timeout
    ) as runtime:
        await reach_database_that_is_there(runtime.engine)
        await check_schema(runtime.engine)
        yield runtime


@contextmanager
def telling_refusals() -> Iterator[None]:
    """Turn a refusal into its sentence and exit status 1, or 2 where it is of a setting."""
    try:
        yield
    except SettingsError as error:
        tell_mistakes(error)
    except (CannotListen, StartError) as error:
        fail(str(error))
    except Problem as problem:
        fail(f"{problem.detail.rstrip('.')}.", *_reasons(problem))


@contextmanager
def telling_a_busy_database() -> Iterator[None]:
    """Turn a database that is kept from us, or goes away, into its sentence and exit status 1."""
    try:
        yield
    except (SQLAlchemyError, ConnectionRefusedError, ConnectionResetError, TimeoutError) as error:
        if not is_transient(error):
            raise
        fail(f"The database cannot be used now: {explain_failure(error)}. Try again.")


def read_input(annotation: type[T], text: str, name: str) -> T:
    """Judge an argument as the API would; with a mistake, tell it and exit 2."""
    try:
        return TypeAdapter(annotation).validate_python(text)
    except ValidationError as error:
        reason = error.errors(include_input=False, include_url=False)[0]["msg"]
        fail(f"{name} cannot be used: {reason.rstrip('.')}.", status=MISUSED)


def read_address(text: str, name: str) -> str:
    """Judge an address that is to be an account's; with a mistake, tell it and exit 2."""
    address = read_input(EmailInput, text, name)
    if not (read_settings(Settings).email_special_domains or has_public_domain(address)):
        reason = "its domain is not public, and EMAIL_SPECIAL_DOMAINS is not true"
        fail(f"{name} cannot be used: {reason}.", status=MISUSED)
    return address


def new_origin() -> Origin:
    """Where the work came from, as the audit log will tell it."""
    return Origin(request_id=f"cli-{secrets.token_hex(8)}", user_agent="gatepost command line")


def _reasons(problem: Problem) -> list[str]:
    return [f"  - {each['msg']}" for each in problem.extensions.get("errors", ())]
