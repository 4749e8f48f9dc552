"""The token of the server of models: drawn once, or a secret."""

from __future__ import annotations

import pytest

from lagoa import open_lake
from lagoa.errors import SettingsError
from lagoa.serving.tokens import token_of


@pytest.fixture
def context(folder):
    with open_lake(folder.root) as lake:
        yield lake.context


def test_it_is_drawn_once_and_kept_for_the_owner_alone(context):
    token, path = token_of(context)
    assert path == context.settings.state_folder / "serving-token"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(token.get_secret_value()) > 40
    assert token_of(context) == (token, path)
    assert token.get_secret_value() not in repr(token)


def test_a_secret_comes_first(context, monkeypatch):
    monkeypatch.setenv("LAGOA_SECRET_SERVING_TOKEN", "of-sixteen-characters")
    token, path = token_of(context)
    assert (token.get_secret_value(), path) == ("of-sixteen-characters", None)
    for value in ("short", "with a space inside it", "með íslenskum stöfum"):
        monkeypatch.setenv("LAGOA_SECRET_SERVING_TOKEN", value)
        with pytest.raises(SettingsError, match="serving-token is no token") as told:
            token_of(context)
        assert value not in str(told.value)


def test_a_file_that_others_can_read_or_that_is_a_link_is_refused(context, tmp_path):
    path = context.settings.state_folder / "serving-token"
    path.write_text("a" * 43, "utf-8")
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="can be read by others"):
        token_of(context)
    path.unlink()
    (tmp_path / "elsewhere").write_text("a" * 43, "utf-8")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="cannot be read"):
        token_of(context)
    path.unlink()
    path.touch(0o600)
    with pytest.raises(SettingsError, match="is no token"):
        token_of(context)
