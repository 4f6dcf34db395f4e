import pytest

from tests.apps.replay.installation import Installation


@pytest.fixture
async def installation(tmp_path):
    made = Installation(tmp_path)
    await made.begin()
    yield made
    made.close()
