"""Why a Redis cannot be used is told by `check`, and by a service that starts, as it is."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import valkey

from tests.support.command import Gatepost
from tests.support.redis_process import OwnRedis

PASSWORD = "s3cret-of-redis"


@pytest.fixture
def redis() -> Iterator[OwnRedis]:
    with OwnRedis() as own:
        yield own


def cause_of(gatepost: Gatepost, url: str) -> str:
    result = gatepost.having(REDIS_URL=url, REDIS_TIMEOUT_MILLISECONDS="5000").run("check")
    said = " ".join(result.output.split())
    assert result.exit_code == 1, said
    assert PASSWORD not in said
    assert "Traceback" not in said
    return said.partition("Redis cannot be used: ")[2]


def with_credentials(redis: OwnRedis, credentials: str, database: str = "") -> str:
    return redis.url.replace("unix://", f"unix://{credentials}@") + database


def test_a_password_that_is_wrong_or_missing(gatepost: Gatepost, redis: OwnRedis) -> None:
    redis.start("--requirepass", PASSWORD)
    assert cause_of(gatepost, redis.url).startswith("it wants a password, and REDIS_URL has none")
    wrong = with_credentials(redis, ":another")
    assert cause_of(gatepost, wrong).startswith("it refuses the user or password")


def test_a_user_who_lacks_rights(gatepost: Gatepost, redis: OwnRedis) -> None:
    redis.start()
    with valkey.Valkey.from_url(redis.url) as client:
        client.execute_command("ACL SETUSER ada on >s3cret ~* &* +@all -evalsha -eval")
    said = cause_of(gatepost, with_credentials(redis, "ada:s3cret"))
    assert said.startswith("its user lacks a right (")
    assert "evalsha" in said


def test_a_script_whose_user_lacks_a_right(gatepost: Gatepost, redis: OwnRedis) -> None:
    redis.start()
    with valkey.Valkey.from_url(redis.url) as client:
        client.execute_command("ACL SETUSER ada on >s3cret ~* &* +@all -hset -hincrby -set -incrby")
    said = cause_of(gatepost, with_credentials(redis, "ada:s3cret"))
    assert said.startswith("its user lacks a right ("), said


def test_sentinels_that_nobody_runs(gatepost: Gatepost) -> None:
    said = cause_of(gatepost, f"redis+sentinel://:{PASSWORD}@127.0.0.1:1/ours")
    assert said.startswith("its sentinels do not answer"), said


def test_a_database_that_is_not_there(gatepost: Gatepost, redis: OwnRedis) -> None:
    redis.start("--databases", "2")
    url = f"{redis.url}?db=7"
    assert cause_of(gatepost, url).startswith("it has no database of that number")


def test_a_replica(gatepost: Gatepost, redis: OwnRedis) -> None:
    redis.start()
    with valkey.Valkey.from_url(redis.url) as client:
        client.replicaof("127.0.0.1", "1")
    assert cause_of(gatepost, redis.url).startswith("it ")
    assert "replica" in cause_of(gatepost, redis.url)


def test_no_memory(gatepost: Gatepost, redis: OwnRedis) -> None:
    redis.start("--maxmemory", "1")
    assert cause_of(gatepost, redis.url).startswith("its memory is full")


@pytest.mark.parametrize("slots", ["none", "all"])
def test_a_cluster_is_refused_by_check_and_at_start(
    gatepost: Gatepost, redis: OwnRedis, slots: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    redis.start("--cluster-enabled", "yes", "--cluster-port", str(port))
    if slots == "all":  # also where every key is this one's
        with valkey.Valkey.from_url(redis.url) as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
    assert cause_of(gatepost, redis.url).startswith("it is a Redis Cluster")
    done = gatepost.having(REDIS_URL=redis.url).run_process("serve", "--port", "0")
    assert done.returncode != 0
    assert "it is a Redis Cluster" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_port_where_nothing_listens(gatepost: Gatepost) -> None:
    said = cause_of(gatepost, f"redis://:{PASSWORD}@127.0.0.1:1/0")
    assert said.startswith("nothing listens there")


def test_a_host_whose_name_leads_nowhere(gatepost: Gatepost) -> None:
    said = cause_of(gatepost, f"redis://:{PASSWORD}@no-such-host.invalid/0")
    assert said.startswith("its host's name leads nowhere")


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server of another kind, which says this to everybody."""

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


ANSWERS = {
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak Redis's protocol"),
    "nothing": (b"", "it closes the connection"),
    "loading": (b"-LOADING Redis is loading the dataset in memory\r\n", "it is still loading"),
    "protected": (b"-DENIED Redis is running in protected mode\r\n", "it is in protected mode"),
    "too many": (b"-ERR max number of clients reached\r\n", "it has no connection left"),
}


@pytest.mark.parametrize(("answer", "cause"), ANSWERS.values(), ids=ANSWERS)
def test_what_a_server_says_at_once(gatepost: Gatepost, answer: bytes, cause: str) -> None:
    with answering(answer) as port:
        said = cause_of(gatepost, f"redis://:{PASSWORD}@127.0.0.1:{port}/0")
    assert said.startswith(cause), said


def test_announcements_that_are_not_taken(gatepost: Gatepost, redis: OwnRedis) -> None:
    redis.start()
    with valkey.Valkey.from_url(redis.url) as client:
        client.execute_command("ACL SETUSER ada on >s3cret ~* +@all resetchannels")
    url = with_credentials(redis, "ada:s3cret")
    said = " ".join(gatepost.having(REDIS_URL=url).run("check").output.split())
    assert "Redis pub/sub does not work: its user lacks a right (" in said, said


@pytest.mark.parametrize("quote", ["'", "`"])
def test_a_server_that_repeats_what_it_was_sent(gatepost: Gatepost, quote: str) -> None:
    """As Redis 5 does, which does not know how we log in, and was sent the password so."""
    sent = " ".join(f"{quote}{word}{quote}," for word in ("3", "AUTH", "default", PASSWORD))
    answer = f"-ERR unknown command {quote}HELLO{quote}, with args beginning with: {sent} \r\n"
    with answering(answer.encode()) as port:
        said = cause_of(gatepost, f"redis://:{PASSWORD}@127.0.0.1:{port}/0")
    assert said.startswith("it lacks a command that Gatepost needs (unknown command "), said


def test_tls_where_there_is_none(gatepost: Gatepost) -> None:
    with answering(b"-ERR unknown command\r\n") as port:
        said = cause_of(gatepost, f"rediss://127.0.0.1:{port}/0")
    assert said.startswith("it offers no TLS")


def test_a_service_starts_without_its_redis_and_tells_the_cause(
    gatepost: Gatepost, redis: OwnRedis
) -> None:
    redis.start("--requirepass", PASSWORD)
    served = gatepost.having(REDIS_URL=redis.url)
    with served.start("serve", "--port", "0") as process:
        process.wait_for("it wants a password, and REDIS_URL has none")
        process.wait_for("running on http|startup complete")
