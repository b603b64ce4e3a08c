"""Password settings whose hashes cost next to nothing."""

from gatepost.settings.passwords import PasswordSettings


def cheap_settings(**changes: object) -> PasswordSettings:
    """Settings for tests, with `changes` on top."""
    cheapest = {"argon2_memory_kib": 8, "argon2_time_cost": 1, "bcrypt_cost": 4}
    return PasswordSettings.model_validate({"debug": True, **cheapest, **changes})
