"""For every test of backups: passphrases that are quickly tried, as many are. What one costs is in test_sealed.py."""

import pytest

from appliance.backup import sealed


@pytest.fixture(autouse=True)
def _quick_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "_KIB", 1 << 10)
