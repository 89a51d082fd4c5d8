"""The hosts on whose databases the store is tested."""

import pytest

pytest.register_assert_rewrite("twofold.testing.store_contract")
