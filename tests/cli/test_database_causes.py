"""Why a database cannot be reached is told by the cause that its server gave."""

import pytest
from sqlalchemy import make_url

from tests.cli.test_redis_causes import answering
from tests.support.command import Gatepost

TLS = {
    "postgresql": (b"N", "postgresql://ada:s3cret@127.0.0.1:{}/app?sslmode=require"),
}


def cause_of(gatepost: Gatepost, url: str) -> str:
    result = gatepost.having(DATABASE_URL=url, DATABASE_POOL_TIMEOUT_SECONDS="20").run("check")
    said = " ".join(result.output.split())
    assert result.exit_code == 1, said
    assert "s3cret" not in said
    assert "Traceback" not in said
    assert "sqlalchemy" not in said
    return said


@pytest.mark.parametrize(("answer", "url"), TLS.values(), ids=TLS)
def test_a_server_without_tls(gatepost: Gatepost, answer: bytes, url: str) -> None:
    with answering(answer) as port:
        said = cause_of(gatepost, url.format(port))
    assert "it offers no TLS, which the URL demands" in said


def test_a_server_that_closes_the_connection(gatepost: Gatepost) -> None:
    with answering(b"") as port:
        said = cause_of(gatepost, f"postgresql://ada:s3cret@127.0.0.1:{port}/app?sslmode=require")
    assert "it closes the connection." in said


@pytest.mark.databases("postgresql", "mariadb")
def test_a_database_and_a_user_that_are_not_there(
    gatepost: Gatepost, fresh_database_url: str
) -> None:
    url = make_url(fresh_database_url)
    lost = url.set(database="nosuch").render_as_string(hide_password=False)
    assert "it has no database of that name (" in cause_of(gatepost, lost)
    stranger = url.set(username="stranger", password="s3cret")
    said = cause_of(gatepost, stranger.render_as_string(hide_password=False))
    assert "it refuses the user" in said


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_host_whose_name_leads_nowhere(gatepost: Gatepost, scheme: str) -> None:
    url = f"{scheme}://ada:s3cret@no-such-host.invalid/app"
    assert "its host's name leads nowhere" in cause_of(gatepost, url)


def test_a_file_of_certificates_that_is_not_there(gatepost: Gatepost) -> None:
    url = "postgresql://ada:s3cret@127.0.0.1:1/app?sslmode=verify-full&sslrootcert=/no/such.pem"
    assert "no such file of certificates" in cause_of(gatepost, url)
    homeless = gatepost.having(HOME=str(gatepost.folder))
    said = cause_of(homeless, url.partition("&")[0])
    assert "the file of its authority's certificate cannot be read (root certificate" in said
