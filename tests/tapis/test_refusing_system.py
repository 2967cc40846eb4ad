"""A system that refuses the user is no refused token, though both are a 401 (tapis-v3 §2.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.errors import Refused, Unauthorized
from jobsync.model import Unavailable
from jobsync.observe.asker import asking
from tests.fakes.tapis_world import world


def test_outputs_of_one_run_that_cannot_be_read_end_nothing_else(tmp_path: Path) -> None:
    with world(tmp_path) as running:
        first, second = (
            running.finished("alice", appId="wc-demo", appVersion="1.00").id for _ in range(2)
        )
        me = running.as_("alice")
        running.service.arm(f"system-refuses,times=always,path=/v3/jobs/{first}/**")
        with pytest.raises(Refused) as caught:
            me.files(first)
        assert not isinstance(caught.value, Unauthorized) and not me.login_over()
        with asking(me) as asker:
            found = asker.outputs([first, second])
        refused = found[first]
        assert isinstance(refused, Unavailable) and not isinstance(found[second], Unavailable)
        assert "FILES_REMOTE_FILESLIST_ERROR" in refused.reason
