"""Users at the command line."""

import os
import pty
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import patience
from tests.support.command import Gatepost

PASSWORD = "correct horse battery staple"

# A terminal of its own: what asks for a password opens /dev/tty, which must not be the tester's.
IN_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.executable, sys.argv[1:])"


@pytest.fixture
def ada(gatepost: Gatepost) -> dict[str, Any]:
    """The first admin."""
    return add_admin(gatepost, "ada@example.com")


def add_admin(gatepost: Gatepost, email: str) -> dict[str, Any]:
    words = ("create-admin", email, "--full-name", "Ada [red]Lovelace", "--password-stdin")
    user: dict[str, Any] = gatepost.json(*words, typed=f"{PASSWORD}\n")
    return user


def test_an_admin_is_made_and_listed(gatepost: Gatepost, ada: dict[str, Any]) -> None:
    assert ada["role"] == "admin"
    assert ada["full_name"] == "Ada [red]Lovelace"
    assert gatepost.json("users", "list") == [ada]
    assert "ada@example.com" in gatepost.done("users", "list")


def test_an_account_is_made_whether_or_not_registration_is_open(gatepost: Gatepost) -> None:
    closed = gatepost.having(REGISTRATION_OPEN="false")
    words = ("--username", "bob", "--full-name", "Bob", "--role", "moderator", "--password-stdin")
    bob = closed.json("users", "create", "bob@example.com", *words, typed=f"{PASSWORD}\n")
    assert (bob["username"], bob["role"], bob["full_name"]) == ("bob", "moderator", "Bob")
    eve = closed.json("users", "create", "eve@example.com", "--no-password")
    assert eve["role"] == "user"
    dan = closed.json("users", "create", "dan@example.com", "--generate")
    assert len(dan.pop("password")) >= 16
    assert closed.json("users", "list") == [bob, eve, dan]


def test_an_account_that_cannot_be_made_is_refused_in_a_sentence(gatepost: Gatepost) -> None:
    gatepost.done("users", "create", "bob@example.com", "--no-password")
    for words, status, said in (
        (("bob@example.com", "--no-password"), 1, "exists"),
        (("bob", "--no-password"), 2, "EMAIL"),
        (("eve@example.com", "--username", "e", "--no-password"), 2, "--username"),
        (("eve@example.com", "--no-password", "--generate"), 2, "--no-password"),
    ):
        assert said in gatepost.refused("users", "create", *words, status=status)


def test_a_list_with_nobody_on_it_says_so(gatepost: Gatepost) -> None:
    result = gatepost.run("users", "list")
    assert (result.stdout, result.stderr) == ("", "There are no users yet.\n")


def test_nothing_secret_is_shown_of_a_user(gatepost: Gatepost, ada: dict[str, Any]) -> None:
    assert set(ada) == {
        *("id", "email", "username", "full_name", "role", "is_active", "email_verified"),
        *("created_at", "updated_at"),
    }
    said = gatepost.done("users", "show", "ada@example.com")
    assert "Ada [red]Lovelace" in said
    assert "argon2" not in said


@pytest.mark.parametrize("who", ["1", "ada@example.com", "ADA@Example.COM"])
def test_a_user_goes_by_id_or_address(gatepost: Gatepost, ada: dict[str, Any], who: str) -> None:
    assert gatepost.json("users", "show", who) == ada


@pytest.mark.parametrize(
    "who",
    ["2", "0", "99999999999999999999999", "\u0661", "bob@example.com", "bob", "-x", "", "a\x00b"],
)
@pytest.mark.usefixtures("ada")
def test_nobody_is_a_sentence(gatepost: Gatepost, who: str) -> None:
    assert gatepost.refused("users", "show", "--", who).startswith("Error: There is no user")


@pytest.mark.usefixtures("ada")
def test_the_last_admin_stays(gatepost: Gatepost) -> None:
    for words in (("disable", "1"), ("set-role", "1", "user")):
        assert gatepost.refused("users", *words) == (
            "Error: The last active admin has to stay one.\n"
        )


@pytest.mark.usefixtures("ada")
def test_a_user_is_disabled_and_enabled_and_changes_role(gatepost: Gatepost) -> None:
    add_admin(gatepost, "bob@example.com")
    assert "Their sessions have ended." in gatepost.done("users", "disable", "bob@example.com")
    disabled = gatepost.json("users", "list", "--disabled")
    assert [user["email"] for user in disabled] == ["bob@example.com"]
    assert gatepost.json("users", "enable", "2")["is_active"] is True
    assert gatepost.json("users", "set-role", "2", "moderator")["role"] == "moderator"
    moderators = gatepost.json("users", "list", "--role", "moderator")
    assert [user["id"] for user in moderators] == [2]


@pytest.mark.usefixtures("ada")
def test_a_role_that_is_not_one_is_misuse(gatepost: Gatepost) -> None:
    assert "'root' is not one of" in gatepost.refused("users", "set-role", "1", "root", status=2)


def test_a_list_is_limited_and_says_so(gatepost: Gatepost) -> None:
    for number in range(3):
        add_admin(gatepost, f"{number}@example.com")
    result = gatepost.run("users", "list", "--limit", "2")
    assert "There are more: these are the first 2." in result.stderr
    assert "2@example.com" not in result.stdout
    found = gatepost.json("users", "list", "--search", "1@")
    assert [user["email"] for user in found] == ["1@example.com"]


@pytest.mark.usefixtures("ada")
def test_an_address_belongs_to_one_user(gatepost: Gatepost) -> None:
    words = ("create-admin", "ADA@example.com", "--password-stdin")
    assert gatepost.refused(*words, typed=PASSWORD) == (
        "Error: An account with this email address exists.\n"
    )


def test_an_address_that_is_none_is_misuse(gatepost: Gatepost) -> None:
    words = ("create-admin", "ada", "--password-stdin")
    assert gatepost.refused(*words, status=2, typed=PASSWORD).startswith("Error: EMAIL cannot be")


def test_a_weak_password_is_refused_with_every_rule(gatepost: Gatepost) -> None:
    strict = gatepost.having(PASSWORD_REQUIRE="upper,digit")
    said = strict.refused("create-admin", "ada@example.com", "--password-stdin", typed="horse\n")
    assert said.count("  - ") == 3
    assert "horse" not in said
    assert gatepost.json("users", "list") == []


@pytest.mark.slow
@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    "words", [("create-admin", "eve@example.com"), ("users", "set-password", "1")]
)
def test_without_a_terminal_nobody_is_asked(gatepost: Gatepost, words: tuple[str, ...]) -> None:
    assert "with --password-stdin" in gatepost.refused(*words, status=2)
    done = gatepost.run_process(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no terminal" in done.stderr


@pytest.mark.usefixtures("ada")
def test_an_empty_standard_input_is_no_password(gatepost: Gatepost) -> None:
    words = ("users", "set-password", "1", "--password-stdin")
    assert "has no password" in gatepost.refused(*words, status=2, typed="")


@pytest.mark.usefixtures("ada")
def test_a_generated_password_is_all_of_standard_output(gatepost: Gatepost) -> None:
    strict = gatepost.having(PASSWORD_REQUIRE="upper,lower,digit,special", PASSWORD_MIN_LENGTH="40")
    result = strict.run("users", "set-password", "1", "--generate")
    assert result.exit_code == 0
    assert len(result.stdout.strip()) >= 40
    assert "shown only once" in result.stderr
    assert strict.json("users", "set-password", "1", "--generate")["password"]


@pytest.mark.usefixtures("ada")
def test_a_password_comes_from_one_place(gatepost: Gatepost) -> None:
    words = ("users", "set-password", "1", "--generate", "--password-stdin")
    assert "Choose one of" in gatepost.refused(*words, status=2, typed=PASSWORD)


@pytest.mark.usefixtures("ada")
def test_an_empty_list_is_empty_json_and_a_sentence(gatepost: Gatepost) -> None:
    assert gatepost.json("users", "list", "--role", "user") == []
    result = gatepost.run("users", "list", "--role", "user")
    assert (result.stdout, result.stderr) == ("", "No user matches.\n")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal: the person's, and the program's."""
    person, program = pty.openpty()
    yield person, program
    os.close(person)


@pytest.mark.usefixtures("ada")
def test_at_a_terminal_the_password_is_asked_for_twice_and_never_shown(
    gatepost: Gatepost, terminal: tuple[int, int]
) -> None:
    person, program = terminal
    script = gatepost.folder / "in_terminal.py"
    script.write_text(IN_TERMINAL)
    shown = converse(gatepost, script, person, program)
    assert "New password of ada@example.com" in shown
    assert "ada@example.com has a new password." in shown
    assert PASSWORD not in shown


def converse(gatepost: Gatepost, script: Path, person: int, program: int) -> str:
    words = [sys.executable, "-m", "gatepost", "users", "set-password", "1"]
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, str(script), *words],
        gatepost.process_environ(),
        file_actions=[(os.POSIX_SPAWN_DUP2, program, 0)],
    )
    os.close(program)
    shown = ""
    # The space after the colon is written once what is typed is no longer shown.
    for question in ("New password of ada@example.com: ", "Repeat it: "):
        shown += read_until(person, question)
        os.write(person, f"{PASSWORD}\n".encode())
    shown += read_until(person, "sessions have ended")
    assert os.waitpid(pid, 0)[1] == 0
    return shown


def read_until(terminal: int, words: str) -> str:
    shown = ""
    while words not in shown:
        assert select.select([terminal], [], [], patience.SECONDS)[0], shown
        shown += os.read(terminal, 1024).decode()
    return shown
