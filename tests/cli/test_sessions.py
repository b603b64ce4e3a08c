"""What the command line says of the sessions that a service remembers."""

from pathlib import Path

import pytest

from tests.support.command import Gatepost
from tests.support.processes import gatepost_on
from tests.support.service import PASSWORD

EVE = "eve@example.com"
DATABASE = "read from the database each time"


@pytest.fixture
def gatepost(tmp_path: Path) -> Gatepost:
    gatepost = gatepost_on(f"sqlite:///{tmp_path}/test.db", tmp_path)
    gatepost.done("migrate")
    return gatepost


def looked_at(gatepost: Gatepost) -> str:
    findings = {each["name"]: each["detail"] for each in gatepost.json("check")["checks"]}
    detail: str = findings["sessions"]
    return detail


def test_the_check_says_for_how_long_sessions_are_remembered(
    gatepost: Gatepost, redis_url: str
) -> None:
    assert "remembered for 5 s, in this one process" in looked_at(gatepost)
    several = gatepost.having(WORKERS="3", SESSION_CACHE_SECONDS="9")
    assert f"{DATABASE}: set REDIS_URL, and 3 workers" in looked_at(several)
    with_redis = several.having(REDIS_URL=redis_url)
    assert "remembered for 9 s, and changes announced over Redis" in looked_at(with_redis)
    assert DATABASE in looked_at(with_redis.having(SESSION_CACHE_SECONDS="0"))


def test_the_check_warns_of_a_redis_that_takes_no_announcements(gatepost: Gatepost) -> None:
    nowhere = gatepost.having(REDIS_URL="unix:///nowhere/redis.sock", STORE="database")
    findings = nowhere.json("check")["checks"]
    (sessions,) = (each for each in findings if each["name"] == "sessions")
    assert (sessions["ok"], sessions["warning"]) == (True, True)
    assert "there is no such socket" in sessions["detail"]
    assert "Check REDIS_URL" in sessions["detail"]


@pytest.mark.parametrize(
    "words", [("disable", EVE), ("set-role", EVE, "moderator"), ("set-password", EVE, "--generate")]
)
def test_who_serves_alone_is_told_that_a_change_by_command_takes_a_moment(
    gatepost: Gatepost, redis_url: str, words: tuple[str, ...]
) -> None:
    gatepost.done("create-admin", "ada@example.com", "--password-stdin", typed=f"{PASSWORD}\n")
    gatepost.done("create-admin", EVE, "--password-stdin", typed=f"{PASSWORD}\n")
    assert "applies this within 5 s" in gatepost.run("users", *words).stderr
    gatepost.done("users", "enable", EVE)
    for heard in ({"REDIS_URL": redis_url}, {"WORKERS": "2"}, {"SESSION_CACHE_SECONDS": "0"}):
        gatepost.done("users", "enable", EVE)
        assert "applies this within" not in gatepost.having(**heard).run("users", *words).stderr
