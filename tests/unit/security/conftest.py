"""A hash pool for each test that asks for one."""

from collections.abc import Iterator

import pytest

from gatepost.security.hash_pool import HashPool


@pytest.fixture
def pool() -> Iterator[HashPool]:
    pool = HashPool(threads=2, queue_limit=100)
    yield pool
    pool.close()
