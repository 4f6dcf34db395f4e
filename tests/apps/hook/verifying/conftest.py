import pytest

from apps.hook.verifying.resolver import Resolver
from tests.apps.hook.verifying.dns_server import DnsServer
from tests.apps.hook.verifying.signers import Signer


@pytest.fixture
async def zone():
    server = DnsServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def resolver(zone):
    made = Resolver([zone.server], timeout=5.0, most=1_000)
    yield made
    await made.close()


@pytest.fixture(scope="session")
def signer():
    return Signer("example.com", "s1")


@pytest.fixture(scope="session")
def other_signer():
    return Signer("list.test", "s2")
