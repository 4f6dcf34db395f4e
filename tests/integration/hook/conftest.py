"""A real Postfix for the tests that need one: each module starts its own with its entrances."""

import os

import pytest

from apps.local import postfix


@pytest.fixture(scope="session")
def can_run_postfix() -> None:
    """Without Postfix, or not as root, CI fails; elsewhere these tests are skipped."""
    if why := postfix.missing():
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
