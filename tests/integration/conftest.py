"""A real Kafka and a real Redis for the tests that need them, one of each per session."""

import os
from collections.abc import Iterator

import pytest

from apps.local import install
from apps.local.errors import StackError
from apps.local.stack import LocalStack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Kafka and Redis on free ports in a temporary folder; faults are made on it by its methods.

    Without Java, Maven or Redis it fails in CI, and elsewhere too unless they can't be installed.
    """
    try:
        install.install()
    except StackError as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(problem))
    with LocalStack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def brokers(stack: LocalStack) -> str:
    return stack.brokers


@pytest.fixture(scope="session")
def redis_url(stack: LocalStack) -> str:
    return stack.redis_url
