"""How many passwords a second the hash itself verifies: python -m bench.raw_verify SECONDS"""

import sys
import time

from argon2 import PasswordHasher

from gatepost.settings.passwords import PasswordSettings


def main() -> None:
    """Print verifications a second, and by what."""
    seconds = float(sys.argv[1])
    settings = PasswordSettings()
    hasher = PasswordHasher(
        time_cost=settings.argon2_time_cost,
        memory_cost=settings.argon2_memory_kib,
        parallelism=settings.argon2_parallelism,
    )
    hashed = hasher.hash("correct horse battery staple")
    done, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        hasher.verify(hashed, "correct horse battery staple")
        done += 1
    sys.stdout.write(f"{done / passed} argon2-cffi\n")


if __name__ == "__main__":
    main()
