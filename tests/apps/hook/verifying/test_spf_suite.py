"""The openspf.org test suite for RFC 7208 (release 2014.04), over a real DNS server."""

from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from apps.hook.verifying.resolver import Resolver
from apps.hook.verifying.spf import check_spf

SUITE = Path(__file__).parent / "data" / "rfc7208-tests.yml"
CASES = [
    pytest.param(scenario["zonedata"], case, id=name)
    for scenario in yaml.safe_load_all(SUITE.read_text(encoding="utf-8"))
    for name, case in scenario["tests"].items()
]


def publish(zone, data):
    """Publish a scenario's zone; SPF records (type 99) are TXT where a name has none (its note)."""
    for written, records in data.items():
        name = written.lower().removesuffix(".")
        zone.records[name, "HINFO"] = []  # so that the name exists
        texts = []
        pairs = [pair for record in records if record != "TIMEOUT" for pair in record.items()]
        kinds = {kind for kind, _ in pairs}
        for kind, value in pairs:
            if kind == "TXT" or (kind == "SPF" and "TXT" not in kinds):
                joined = value if isinstance(value, str) else "".join(value)
                if value == "TIMEOUT":
                    zone.faults[name] = "servfail"
                elif value != "NONE":
                    texts.append(joined.encode().decode("latin-1"))
            elif kind == "MX":
                zone.records.setdefault((name, kind), []).append(f"{value[0]} {value[1]}.")
            elif kind != "SPF":
                dot = "" if kind in {"A", "AAAA"} else "."
                zone.records.setdefault((name, kind), []).append(value + dot)
        if "TIMEOUT" in records and not texts:
            zone.faults[name] = "servfail"
        if texts:
            zone.txt(name, *texts)


@pytest.fixture
async def resolver(zone):
    made = Resolver([zone.server], timeout=1.0, most=1_000)
    yield made
    await made.close()


@pytest.mark.parametrize(("data", "case"), CASES)
async def test_a_case_of_the_suite_has_its_result(zone, resolver, data, case):
    publish(zone, data)
    allowed = case["result"] if isinstance(case["result"], list) else [case["result"]]
    found = await check_spf(
        ip_address(case["host"]), case["mailfrom"] or "", case["helo"], resolver
    )
    assert found.result in allowed
