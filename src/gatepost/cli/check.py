"""The command that checks everything the service needs, and prints a line for each check."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

import typer
from rich.table import Table
from rich.text import Text

from gatepost.cli.options import Json
from gatepost.cli.output import REFUSED, print_json
from gatepost.cli.running import new_origin, read_settings, reporting_problems
from gatepost.cli.terminal import console
from gatepost.configuration import Settings
from gatepost.db.diagnosis import describe_database, explain_failure
from gatepost.db.probe import connections_allowed, measure
from gatepost.db.replica import FAILURES
from gatepost.errors import Problem
from gatepost.features.signing_keys import service as signing_keys
from gatepost.features.signing_keys.models import StoredKey
from gatepost.runtime import Runtime, start_runtime
from gatepost.security.argon2 import why_not_native
from gatepost.settings import CoreSettings, PasswordSettings
from gatepost.starting import StartError, check_schema, reach_existing_database
from gatepost.stores.base import StoreUnavailable
from gatepost.stores.factory import describe_session_cache, describe_store
from gatepost.stores.naming import name_of_service
from gatepost.work import begin_work


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check; a `warning` is about a possible later failure."""

    name: str
    ok: bool
    detail: str
    warning: bool = False


def check(json: Json = False) -> None:
    """Check settings, database, schema, password hashing and tokens. Changes nothing.

    Examples:
    $ gatepost check
    $ gatepost check --json && gatepost serve
    """
    settings = read_settings(Settings)
    with reporting_problems():
        findings = asyncio.run(_run_checks(settings))
    ok = all(finding.ok for finding in findings)
    if json:
        print_json({"ok": ok, "checks": [asdict(finding) for finding in findings]})
    else:
        _print(findings)
    if not ok:
        raise typer.Exit(REFUSED)


async def _run_checks(settings: Settings) -> list[Finding]:
    checks: dict[str, Callable[[Runtime], Awaitable[str | Finding]]] = {
        "passwords": _check_passwords,
        "database": _check_database,
        "schema": _check_schema,
        "tokens": _check_tokens,
        "store": _check_store,
        "sessions": _check_sessions,
        "replica": _check_replica,
        "connections": _check_connections,
    }
    findings = [Finding("settings", ok=True, detail=_sum_up(settings))]
    async with start_runtime(settings) as runtime:
        for name, run_check in checks.items():
            try:
                found = await run_check(runtime)
                findings.append(
                    Finding(name, ok=True, detail=found) if isinstance(found, str) else found
                )
            except (StartError, Problem) as error:
                findings.append(Finding(name, ok=False, detail=str(error)))
                break  # each check needs the one before
    return findings


def _sum_up(settings: Settings) -> str:
    given = len(settings.given)
    rest = len(Settings.fields()) - given
    debug = ", DEBUG is on" if settings.service.debug else ""
    return f"{given} set, {rest} at their defaults{debug}"


async def _check_passwords(runtime: Runtime) -> str:
    began = time.perf_counter()
    await runtime.passwords.hash("a password to measure with")
    milliseconds = (time.perf_counter() - began) * 1000
    threads = runtime.hash_pool.threads
    return (
        f"{_hasher(runtime)}: {milliseconds:.0f} ms a hash, {_count(threads, 'thread')}"
        f"{_other_build(runtime)}"
    )


def _other_build(runtime: Runtime) -> str:
    """Why the faster build of Argon2 is not used, unless the settings exclude it."""
    match runtime.settings.passwords:
        case PasswordSettings(password_hasher="argon2", argon2_backend="auto"):
            reason = why_not_native()
            return f"; {reason}" if reason else ""
        case _:
            return ""


def _hasher(runtime: Runtime) -> str:
    settings = runtime.settings
    match settings.passwords.password_hasher:
        case "bcrypt":
            return f"bcrypt, cost {settings.passwords.bcrypt_cost}"
        case "argon2":
            memory = settings.passwords.argon2_memory_kib / 1024
            passes = _count(settings.passwords.argon2_time_cost, "pass", "passes")
            lanes = _count(settings.passwords.argon2_parallelism, "lane")
            backend = runtime.passwords.argon2_backend
            return f"Argon2id by {backend}, {memory:.3g} MiB, {passes}, {lanes}"


async def _check_database(runtime: Runtime) -> str:
    await reach_existing_database(runtime.engine)
    measured = await measure(runtime.engine)
    name = describe_database(runtime.engine.url).removeprefix("the ")
    return f"{name}, version {measured.version}, {measured.seconds * 1000:.1f} ms away"


async def _check_schema(runtime: Runtime) -> str:
    return f"at head (revision {await check_schema(runtime.engine)})"


async def _check_tokens(runtime: Runtime) -> str:
    settings = runtime.settings
    lifetimes = (
        f"access {_count(settings.tokens.access_token_expire_minutes, 'minute')}, "
        f"refresh {_count(settings.tokens.refresh_token_expire_days, 'day')}"
    )
    if settings.tokens.algorithm.startswith("HS"):
        return f"{settings.tokens.algorithm} with SECRET_KEY, {lifetimes}"
    async with begin_work(runtime, new_origin(), writes=False) as work:
        keys = await signing_keys.list_keys(work)
    signing = next((key.kid for key in keys if _signs(key, settings)), None)
    which = f"key {signing} signs" if signing else "the first key pair is created at start"
    return f"{settings.tokens.algorithm}, {which}, {lifetimes}"


async def _check_store(runtime: Runtime) -> str:
    try:
        await runtime.store.ping()
    except StoreUnavailable as error:
        if runtime.store.kind == "redis":
            raise StartError(
                f"Redis cannot be used: {error.reason}. Check REDIS_URL, and the server."
            ) from error
        raise StartError(f"The database cannot be written to: {error.reason}.") from error
    return describe_store(runtime.settings).removesuffix(".")


async def _check_sessions(runtime: Runtime) -> str | Finding:
    reason = await runtime.invalidation.explain_unavailability()
    if reason is None:
        return describe_session_cache(runtime.settings).removesuffix(".")
    return Finding(
        "sessions",
        ok=True,
        detail=f"Redis pub/sub does not work: {reason}. So each request reads its session from "
        "the database. Check REDIS_URL, and that its user may use the channels "
        f"{name_of_service(runtime.settings)}:*",
        warning=True,
    )


async def _check_replica(runtime: Runtime) -> str | Finding:
    """A failing replica is only a warning: the service works without it."""
    replica = runtime.replica
    if replica is None:
        return "none: lists are read from the primary database"
    name = describe_database(replica.engine.url).removeprefix("the ")
    try:
        measured = await measure(replica.engine)
        await check_schema(replica.engine)
    except (*FAILURES, StartError) as error:
        reason = str(error) if isinstance(error, StartError) else explain_failure(error)
        detail = f"{name}: {reason}; lists are read from the primary database"
        return Finding("replica", ok=True, detail=detail, warning=True)
    return f"{name}, {measured.seconds * 1000:.1f} ms away, at head"


async def _check_connections(runtime: Runtime) -> str | Finding:
    """Whether the database allows as many connections as all processes may open."""
    settings = runtime.settings
    wanted = settings.stores.workers * settings.database.database_pool_size
    pools = (
        f"{_count(settings.stores.workers, 'process', 'processes')} of at most "
        f"{_count(settings.database.database_pool_size, 'connection')}"
    )
    allowed = await connections_allowed(runtime.engine)
    if allowed is None:
        return pools
    if wanted <= allowed:
        return f"{pools}, {wanted} of the server's {allowed}"
    return Finding(
        "connections",
        ok=True,
        detail=f"{pools} are {wanted}, and the server has {allowed}: lower DATABASE_POOL_SIZE, "
        "or raise the server's max_connections",
        warning=True,
    )


def _signs(key: StoredKey, settings: CoreSettings) -> bool:
    return key.retires_at is None and key.algorithm == settings.tokens.algorithm


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def _print(findings: list[Finding]) -> None:
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        mark = Text("ok", "green") if finding.ok else Text("FAIL", "bold red")
        mark = Text("warn", "bold yellow") if finding.warning else mark
        table.add_row(Text(finding.name, "bold"), mark, Text(finding.detail))
    console().print(table)
