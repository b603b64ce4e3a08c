"""The key ring at the command line."""

from tests.support.command import Gatepost


def test_a_shared_secret_has_no_key_pairs_and_cannot_be_rotated(gatepost: Gatepost) -> None:
    assert gatepost.json("keys", "list") == []
    assert "HS256 signs tokens with SECRET_KEY" in gatepost.run("keys", "list").stderr
    assert "Change SECRET_KEY instead" in gatepost.refused("keys", "rotate")


def test_a_rotation_makes_a_key_that_signs_and_lets_the_other_end(gatepost: Gatepost) -> None:
    service = gatepost.having(ALGORITHM="ES256")
    assert "the first ES256 key" in service.run("keys", "list").stderr
    first = service.json("keys", "rotate")
    assert first["state"] == "signs"
    assert "Tokens are signed with the new ES256 key" in service.done("keys", "rotate")
    keys = service.json("keys", "list")
    assert [key["state"] for key in keys] == ["signs", "verifies"]
    assert keys[1]["kid"] == first["kid"]
    assert keys[1]["retires_at"] is not None
    assert first["kid"] in service.done("keys", "list")
    assert keys[0]["kid"] in service.done("check")


def test_nothing_private_is_shown_of_a_key(gatepost: Gatepost) -> None:
    key = gatepost.having(ALGORITHM="EdDSA").json("keys", "rotate")
    assert set(key) == {"kid", "algorithm", "state", "created_at", "retires_at"}


def test_an_overlap_covers_the_longest_token(gatepost: Gatepost) -> None:
    service = gatepost.having(ALGORITHM="ES256")
    told = service.refused("keys", "rotate", "--overlap", "1", status=2)
    assert "greater than or equal to 2" in told or "2<=x<=720" in told  # Typer 0.16
