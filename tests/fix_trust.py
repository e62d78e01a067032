"""Whom the tests trust: one authority, as reading the hundred that browsers trust takes longer than most tests do.

Every facade that asks a provider reads them, over plain HTTP too. Nothing that the tests talk to is anywhere but here.
"""

from __future__ import annotations

from collections.abc import Iterator

import certifi
import pytest

_END = "-----END CERTIFICATE-----\n"


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The first of them all, for this process and its children."""
    trusted = tmp_path_factory.mktemp("trust") / "authority.pem"
    first, end, _ = certifi.contents().partition(_END)
    trusted.write_text(first + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(trusted))
        yield
