"""How many passwords a second the hash itself verifies: python -m bench.raw_verify SECONDS"""

import sys
import time

from gatepost.security import argon2
from gatepost.settings.passwords import PasswordSettings

PASSWORD = b"correct horse battery staple"


def main() -> None:
    """Print verifications a second, and by which build: the one that Gatepost takes here."""
    seconds = float(sys.argv[1])
    settings = PasswordSettings()
    build = argon2.choose(settings.argon2_backend)
    cost = argon2.Cost(
        settings.argon2_time_cost, settings.argon2_memory_kib, settings.argon2_parallelism
    )
    hashed = build.hash(PASSWORD, cost)
    done, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        build.verify(PASSWORD, hashed)
        done += 1
    sys.stdout.write(f"{done / passed} {build.name}\n")


if __name__ == "__main__":
    main()
