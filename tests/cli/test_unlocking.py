"""Letting somebody in again from the command line."""

from tests.support.command import Gatepost

PASSWORD = "correct horse battery staple"


def test_an_operator_unlocks_a_user(gatepost: Gatepost) -> None:
    gatepost.done("create-admin", "ada@example.com", "--password-stdin", typed=f"{PASSWORD}\n")
    assert gatepost.done("users", "unlock", "ADA@example.com") == "Unlocked ada@example.com.\n"
    assert gatepost.json("users", "unlock", "1")["email"] == "ada@example.com"
    assert "nobody@example.com" in gatepost.refused("users", "unlock", "nobody@example.com")


def test_a_store_that_does_not_answer_is_a_sentence(gatepost: Gatepost) -> None:
    gatepost.done("create-admin", "ada@example.com", "--password-stdin", typed=f"{PASSWORD}\n")
    away = gatepost.having(REDIS_URL="redis://127.0.0.1:1/0")
    assert "cannot be reached" in away.refused("users", "unlock", "ada@example.com")
