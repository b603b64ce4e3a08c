"""Why no encrypted connection comes about is told by its cause, for Redis and PostgreSQL."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
import redis

from gatepost.tls_failures import NO_TLS, explain_tls_failure
from tests.cli.test_database_causes import cause_of as cause_of_database
from tests.cli.test_redis_causes import cause_of as cause_of_redis
from tests.support import patience
from tests.support.certificates import Authority, Certificate
from tests.support.command import Gatepost
from tests.support.servers import start_installed_postgresql
from tests.support.servers.lair import Daemon

pytestmark = pytest.mark.slow


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextmanager
def encrypted_redis(authority: Authority, of: Certificate, *options: str) -> Iterator[str]:
    """The address of a Redis that speaks TLS only; most wheels have none that does."""
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no installed Redis, which would have TLS")
    port = _free_port()
    files = ["--tls-cert-file", str(of.certificate), "--tls-key-file", str(of.key)]
    command = [program, "--bind", "127.0.0.1", "--port", "0", "--tls-port", str(port), "--save", ""]
    with subprocess.Popen(
        [*command, *files, "--tls-ca-cert-file", str(authority.file), *options],
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for(port)
            yield f"rediss://127.0.0.1:{port}/0"
        finally:
            process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _wait_for(port: int) -> None:
    give_up_at = time.monotonic() + patience.SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < give_up_at, "the server does not start"
            time.sleep(0.02)
        else:
            return


async def _is_starting_up(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, ssl=False)
    except asyncpg.CannotConnectNowError:
        return True
    except asyncpg.PostgresError:
        return False
    await connection.close()
    return False


def a_certificate(authority: Authority, kind: str) -> Certificate:
    if kind == "self-made":
        return authority.self_made("server")
    if kind == "of another host":
        return authority.sign("server", "127.0.0.2")
    return authority.sign("server", days=-1 if kind == "expired" else 1)


CERTIFICATES = {
    "self-made": "its certificate is not trusted: it is self-signed",
    "of another host": "its certificate names another host than the URL",
    "expired": "its certificate has expired",
}


@pytest.mark.parametrize(("kind", "cause"), CERTIFICATES.items(), ids=CERTIFICATES)
def test_a_certificate_of_redis_that_is_not_accepted(
    gatepost: Gatepost, authority: Authority, kind: str, cause: str
) -> None:
    with encrypted_redis(authority, a_certificate(authority, kind)) as url:
        assert cause_of_redis(gatepost, f"{url}?ssl_ca_certs={authority.file}").startswith(cause)


def test_an_authority_that_is_not_known(gatepost: Gatepost, authority: Authority) -> None:
    with encrypted_redis(authority, authority.sign("server")) as url:
        said = cause_of_redis(gatepost, url)
    assert said.startswith(
        "its certificate is not trusted: this client does not know the authority"
    )


def test_certificates_of_the_client_that_redis_refuses(
    gatepost: Gatepost, authority: Authority
) -> None:
    def named(client: Certificate) -> str:
        return f"{url}?{trust}&ssl_certfile={client.certificate}&ssl_keyfile={client.key}"

    trust = f"ssl_ca_certs={authority.file}"
    client = authority.sign("client")
    torn = Certificate(client.certificate, authority.sign("other").key)
    with encrypted_redis(authority, authority.sign("server")) as url:
        # A server may close before its alert is read, so both are right.
        assert "a client's certificate" in cause_of_redis(gatepost, f"{url}?{trust}")
        said = cause_of_redis(gatepost, named(torn))
    assert said.startswith("the client's certificate and its key do not belong together")


@pytest.mark.skipif(
    tuple(map(int, redis.__version__.split(".")[:2])) < (8, 1),
    reason="before 8.1 redis-py takes no version of TLS from a URL",
)
def test_no_version_of_tls_in_common(gatepost: Gatepost, authority: Authority) -> None:
    old = ("--tls-auth-clients", "no", "--tls-protocols", "TLSv1.2")
    with encrypted_redis(authority, authority.sign("server"), *old) as url:
        newest = (
            f"{url}?ssl_ca_certs={authority.file}&ssl_min_version={int(ssl.TLSVersion.TLSv1_3)}"
        )
        assert cause_of_redis(gatepost, newest).startswith("it and this client have no version")


REASONS = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it demands a client's certificate",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it demands a client's certificate, or",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust the client's certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the client's certificate has expired",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it refuses the client's certificate",
    "UNSUPPORTED_PROTOCOL": "it and this client have no version of TLS in common",
    "NO_SHARED_CIPHER": "it and this client have no cipher in common",
    "WRONG_VERSION_NUMBER": NO_TLS,
    "SOMETHING_NEW": "it and this client do not agree about TLS (something_new)",
}


@pytest.mark.parametrize(("reason", "cause"), REASONS.items(), ids=REASONS)
def test_each_reason_of_a_failed_handshake(reason: str, cause: str) -> None:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    assert explain_tls_failure(error).startswith(cause)


class Postgres:
    """A PostgreSQL whose certificate and rules of `pg_hba.conf` a test chooses."""

    def __init__(self, daemon: Daemon, authority: Authority) -> None:
        self._daemon = daemon
        self._authority = authority

    def url_with(self, certificate: Certificate, rule: str = "host all all all trust") -> str:
        """Where it answers once it has been started again with these."""
        port = _free_port()
        data = self._daemon.lair.path / "data"
        self._daemon.pause()
        self._copy(certificate.certificate, data / "server.crt")
        self._copy(certificate.key, data / "server.key")
        self._copy(self._authority.file, data / "authority.crt")
        (data / "pg_hba.conf").write_text(f"{rule}\n")
        (data / "postgresql.auto.conf").write_text("ssl = on\nssl_ca_file = 'authority.crt'\n")
        words, account = self._daemon.lair._last
        listening = [f"--port={port}", "--listen_addresses=127.0.0.1"]
        self._daemon.lair._last = ([*words, *listening], account)
        self._daemon.resume()
        _wait_for(port)
        url = f"postgresql://postgres:s3cret@127.0.0.1:{port}/postgres"
        give_up_at = time.monotonic() + patience.SECONDS
        while asyncio.run(_is_starting_up(url)):
            assert time.monotonic() < give_up_at, "the server does not start"
            time.sleep(0.02)
        return url

    @staticmethod
    def _copy(source: Path, to: Path) -> None:
        shutil.copy(source, to)
        to.chmod(0o600)
        shutil.chown(to, to.parent.owner(), to.parent.group())


@pytest.fixture
def postgres(authority: Authority) -> Iterator[Postgres]:
    server = start_installed_postgresql()
    if server is None or server.daemon is None:
        pytest.skip("there is no installed PostgreSQL, which would have TLS")
    yield Postgres(server.daemon, authority)
    server.stop()


@pytest.mark.parametrize(("kind", "cause"), CERTIFICATES.items(), ids=CERTIFICATES)
def test_a_certificate_of_postgresql_that_is_not_accepted(
    gatepost: Gatepost, authority: Authority, postgres: Postgres, kind: str, cause: str
) -> None:
    url = postgres.url_with(a_certificate(authority, kind))
    checked = f"{url}?sslmode=verify-full&sslrootcert={authority.file}"
    assert cause in cause_of_database(gatepost, checked)


RULES = {
    "rejects": ("host all all all reject", "its pg_hba.conf does not let this connection in ("),
    "has no entry": ("local all all trust", "its pg_hba.conf does not let this connection in ("),
    "demands a certificate": (
        "hostssl all all all trust clientcert=verify-ca",
        "it demands a client's certificate",
    ),
}


@pytest.mark.parametrize(("rule", "cause"), RULES.values(), ids=RULES)
def test_a_rule_of_postgresql_that_lets_nobody_in(
    gatepost: Gatepost, authority: Authority, postgres: Postgres, rule: str, cause: str
) -> None:
    url = postgres.url_with(authority.sign("server"), rule)
    assert cause in cause_of_database(gatepost, f"{url}?sslmode=require")
