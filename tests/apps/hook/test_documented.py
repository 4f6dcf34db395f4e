"""The configuration in docs/hook.md is one that works: settings load, names agree."""

import re
from pathlib import Path

from apps.hook.addresses import parse_addresses
from apps.hook.fields import OWN_NAMES
from detectors.policy_file import read_policy
from streams import settings

TEXT = (Path(__file__).parents[3] / "docs" / "hook.md").read_text()
TOML = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def test_exim_removes_what_came_under_our_names():
    (line,) = re.findall(r"remove_header = (.*)", TEXT)
    assert set(line.split(" : ")) == set(OWN_NAMES)


def test_settings_and_policy_can_be_read_and_postfix_finds_each_socket(tmp_path):
    policy, installed = TOML
    assert read_policy(policy).for_tenant("default").shadow
    path = tmp_path / "weir.toml"
    path.write_text(installed)
    loaded = settings.load(path, {})
    for key, listen in (("milter", loaded.milter.listen), ("policyd", loaded.policyd.listen)):
        for address in parse_addresses(listen, f"{key}.listen"):
            assert address.path is not None
            assert f"unix:{address.path.removeprefix('/var/spool/postfix/')}" in TEXT


def test_postfix_waits_longer_than_the_hook():
    (seconds,) = re.findall(r"milter_content_timeout = (\d+)s", TEXT)
    assert int(seconds) > settings.Settings().hook.deadline_seconds + 2
