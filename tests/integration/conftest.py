"""A real Kafka and a real Redis for the tests that need them, one of each per session."""

import os
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import msgspec
import pytest

from apps.local import install
from apps.local.errors import StackError
from apps.local.stack import LocalStack
from models.bundle import Bundle
from models.manifest import Calibration, Passed


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


@pytest.fixture
def other() -> Bundle:
    """A classifier that isn't the shipped one, and hasn't shown that it may act."""
    folder = resources.files("models") / "artifacts"
    bundle = Bundle.of({file.name: file.read_bytes() for file in folder.iterdir()})
    manifest = msgspec.structs.replace(
        bundle.known,
        calibration=Calibration(slope=1.0, intercept=-30.0),
        stage="shadow",
        gates=(Passed("legitimate mail", holds=False, found="too few to show it"),),
    )
    return bundle._replace(manifest=manifest.encode())


@pytest.fixture
def trained(other: Bundle, tmp_path: Path) -> Path:
    """The same as `weir train` leaves it."""
    path = tmp_path / "trained"
    path.mkdir()
    for file, content in other.files().items():
        (path / file).write_bytes(content)
    return path
