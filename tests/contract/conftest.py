"""One running service for each module and row."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.service import Service, rows

ROWS = rows()


@pytest.fixture(scope="module", params=sorted(ROWS))
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with ROWS[request.param](tmp_path_factory.mktemp("service")) as running:
        yield running
