"""The reference backend on each database, as the tests of its routes have it."""

from tests.http.conftest import each_world, fresh_place, key, world, world_on

__all__ = ["each_world", "fresh_place", "key", "world", "world_on"]
