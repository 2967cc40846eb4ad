"""Nothing that an answer says makes a submit that went out look like one that did not."""

from __future__ import annotations

import json

import pytest

from jobsync.errors import SubmitAmbiguous
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from tests.campaigns import submit_answers
from tests.fakes.scripted_server import JOB, ScriptedServer, http

MADE = json.dumps({"status": "success", "message": None, "version": "2", "result": JOB}).encode()


@pytest.mark.parametrize("codec", ["idna", "punycode", "no-such", "hex", "undefined"])
@pytest.mark.parametrize("parameter", ["boundary*={}''x", "boundary*0*={}''x; boundary*1=y"])
def test_a_head_that_the_parser_cannot_take_leaves_the_outcome_open(
    codec: str, parameter: str
) -> None:
    """Python's parser of heads raises UnicodeError for some of these, which is a ValueError."""
    odd = f"multipart/mixed; {parameter.format(codec)}"
    with (
        ScriptedServer(http(201, MADE, odd)) as server,
        agave.connect(server.url, explicit(server.url, "t")) as client,
    ):
        with pytest.raises(SubmitAmbiguous):
            client.submit("p.a.f", {"appId": "wc-1.0"})
        assert len(server.seen) == 1


@pytest.mark.parametrize("api", ["agave/v2", "tapis/v3"])
def test_no_answer_of_any_kind_is_taken_for_not_sent(api: str) -> None:
    """Of Tapis v3 some are refusals; only those that prove one are taken for one."""
    ends, wrong = submit_answers.run(range(1_000_001_000, 1_000_002_500), api)
    assert wrong == {}
    assert ends["made"] > 100 and ends["unknown"] > 100
    assert (ends["refused"] > 30) is (api == "tapis/v3")
