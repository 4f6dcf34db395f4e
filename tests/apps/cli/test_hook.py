"""`weir hook` as it is typed: what it says before it opens anything."""

import pytest
from click.testing import CliRunner

from apps.cli.main import weir


@pytest.mark.parametrize(("given", "told"), [("", True), ('[embedded]\nfolder = "kept"\n', False)])
def test_embedded_without_a_folder_tells_where_other_commands_look(
    tmp_path, monkeypatch, given, told
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weir.toml").write_text(given)
    result = CliRunner().invoke(weir, ["hook", "--embedded", "--milter", f"unix:{tmp_path}/m"])
    assert result.exit_code == 2  # there are no keys, so it goes no further
    assert ("embedded.folder isn't set" in result.stderr) is told
