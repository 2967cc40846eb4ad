"""Small runs of the campaigns over downloads; the full ones are scripts in tests/campaigns."""

from __future__ import annotations

import contextlib
import subprocess
import urllib.request

import pytest

from tests.campaigns import download_kills, downloads
from tests.fakes.hostile_service import JOB


def test_no_interrupted_or_mutated_download_leaves_a_wrong_file() -> None:
    counts = downloads.campaign(150, 11)
    assert counts["wrong"] == counts["not completed"] == 0, counts
    assert counts["faults"] > 150


@pytest.mark.slow
def test_a_thousand_interrupted_or_mutated_downloads() -> None:
    counts = downloads.campaign(1000, 1)
    assert counts["wrong"] == counts["not completed"] == 0, counts


@pytest.mark.parametrize(
    ("jobs", "large", "resumed"),
    [(1, 1_500_000, 3), (0, 1_500_000, 1), (1, download_kills.LARGE, 3)],
)
def test_a_kill_at_any_file_system_call_is_survived(jobs: int, large: int, resumed: int) -> None:
    counts = download_kills.Sweep(jobs, large).run(range(1, 1000))
    assert counts["points"] > 30 and counts["resumed"] >= resumed, counts
    assert counts["wrong"] == counts["not finished"] == counts["fetched twice"] == 0, counts


def test_a_late_request_of_the_killed_process_does_not_count_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A busy service may read a request only after the process that sent it was killed."""
    ask, killed = download_kills.ask, [""]

    def ask_late(process: subprocess.Popen[str], line: str) -> str:
        point, _, url, _ = line.split()
        if int(point) != download_kills.ENDLESS:
            killed[0] = url
        else:
            with contextlib.suppress(OSError):
                media = f"{killed[0]}/jobs/v2/{JOB}/outputs/media/large"
                urllib.request.urlopen(media, timeout=10).read()
        return ask(process, line)

    monkeypatch.setattr(download_kills, "ask", ask_late)
    counts = download_kills.Sweep(1, 200_000).run(range(1, 4))
    assert counts["points"] == 3 and counts["fetched twice"] == 0, counts
