"""What a learner refuses before it reaches anything."""

import pytest

from streams.learner import Learner
from streams.settings import SettingsError, load


def test_a_learner_beside_an_embedded_hook_is_refused_in_one_line(tmp_path):
    settings = load(None, {"WEIR_EMBEDDED__FOLDER": str(tmp_path)})
    with pytest.raises(SettingsError, match=r"embedded\.folder = .*learns itself; allowed: empty"):
        Learner(settings)
