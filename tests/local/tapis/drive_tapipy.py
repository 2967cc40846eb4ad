"""Every jobs operation of tapipy 25.4.0, as its user writes it. Run by the Python that has it.

``python drive_tapipy.py URL USER PASSWORD OTHER PROFILE``; the last line says how many passed.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from tapipy.errors import BaseTapyException  # type: ignore[import-not-found]
from tapipy.tapis import Tapis  # type: ignore[import-not-found]

URL, USER, PASSWORD, OTHER, PROFILE = sys.argv[1:]
done: list[str] = []


def passed(name: str) -> None:
    done.append(name)
    print("PASS", name)


def refused(call: Any, **arguments: Any) -> str:
    try:
        call(**arguments)
    except BaseTapyException as error:
        return f"{type(error).__name__} {error}"
    raise AssertionError("it was not refused")


t = Tapis(base_url=URL, username=USER, password=PASSWORD)
t.get_tokens()
assert t.access_token.claims["tapis/username"] == USER
assert t.tenant_id == "local", t.tenant_id
passed("get_tokens")

request: dict[str, Any] = {
    "name": "with tapipy", "appId": "demo", "appVersion": "1.0", "archiveSystemId": "archive",
    "parameterSet": {"appArgs": [{"name": "word", "arg": "'two words'"}],
                     "envVariables": [{"key": "WHO", "value": "tapipy"}]},
    "tags": ["b", "a"], "notes": {"why": "to see"},
}  # fmt: skip
job = t.jobs.submitJob(**request)
assert (job.status, job.owner, job.tags) == ("PENDING", USER, ["a", "b"]), job
passed("submitJob")

until = time.time() + 60
while t.jobs.getJobStatus(jobUuid=job.uuid).status not in ("FINISHED", "FAILED"):
    assert time.time() < until
    time.sleep(0.1)
passed("getJobStatus")
ended = t.jobs.getJob(jobUuid=job.uuid)
assert (ended.status, ended.condition) == ("FINISHED", "NORMAL_COMPLETION"), ended
notes = ended.notes if isinstance(ended.notes, str) else ended.notes.__dict__
assert (notes == '{"why":"to see"}') == (PROFILE == "1.7"), notes
passed("getJob")
history = t.jobs.getJobHistory(jobUuid=job.uuid, limit=5, skip=1)
assert next(line.eventDetail for line in history) == "PROCESSING_INPUTS"
passed("getJobHistory")

listed = t.jobs.getJobList(limit=2, skip=0, orderBy="created(desc)", computeTotal=True,
                           listType="ALL_JOBS")  # fmt: skip
assert [one.uuid for one in listed][:1] == [job.uuid]
passed("getJobList")
found = t.jobs.getJobSearchList(
    select="uuid,tags", _tapis_query_parameters={"tags.in": "a", "name.like": "with*"}
)
assert [one.tags for one in found] == [["a", "b"]], found
passed("getJobSearchList")
found = t.jobs.getJobSearchListByPostSqlStr(
    request_body={"search": ["(tags IN ('b')) AND", "(status <> 'FAILED')"]}
)
assert [one.uuid for one in found] == [job.uuid], found
passed("getJobSearchListByPostSqlStr")

names = {one.name for one in t.jobs.getJobOutputList(jobUuid=job.uuid, outputPath="/")}
assert {"tapisjob.out", "made file.txt"} <= names, names
one = t.jobs.getJobOutputList(jobUuid=job.uuid, outputPath="made file.txt", limit=1)
assert one[0].size == 5, one
passed("getJobOutputList")
raw = t.jobs.getJobOutputDownload(jobUuid=job.uuid, outputPath="tapisjob.out")
assert raw == b"1 two words from tapipy\n", raw
raw = t.jobs.getJobOutputDownload(jobUuid=job.uuid, outputPath="made file.txt", compress=True,
                                  format="zip", allowIfRunning=True)  # fmt: skip
assert raw[:4] == b"PK\x03\x04"
passed("getJobOutputDownload")
stored = t.jobs.getResubmitRequestJson(jobUuid=job.uuid)
assert (stored.name, stored.jobType) == ("with tapipy", None)
passed("getResubmitRequestJson")
again = t.jobs.resubmitJob(jobUuid=job.uuid)
assert (again.uuid != job.uuid, again.name) == (True, "with tapipy")
passed("resubmitJob")

t.jobs.shareJob(jobUuid=job.uuid, grantee=OTHER, jobResource=["JOB_OUTPUT", "JOB_HISTORY"],
                jobPermission="READ")  # fmt: skip
passed("shareJob")
assert [row.grantee for row in t.jobs.getJobShare(jobUuid=job.uuid)] == [OTHER, OTHER]
passed("getJobShare")
t.jobs.deleteJobShare(jobUuid=job.uuid, user=OTHER)
assert t.jobs.getJobShare(jobUuid=job.uuid) == []
passed("deleteJobShare")

slow = t.jobs.submitJob(name="slow", appId="slow", appVersion="1.0")
targets = [{"deliveryMethod": "WEBHOOK", "deliveryAddress": "https://hook.example/"}]
t.jobs.subscribe(jobUuid=slow.uuid, eventCategoryFilter="ALL", deliveryTargets=targets)
passed("subscribe")
said = refused(t.jobs.subscribe, jobUuid=slow.uuid, eventCategoryFilter="ALL",
               deliveryTargets=targets, ttlminutes=5)  # fmt: skip
assert "ttlminutes" in said, said
assert len(t.jobs.getSubscriptions(jobUuid=slow.uuid)) == 1
passed("getSubscriptions")
t.jobs.deleteSubscriptions(uuid=slow.uuid)
assert t.jobs.getSubscriptions(jobUuid=slow.uuid) == []
passed("deleteSubscriptions")
t.jobs.sendEvent(jobUuid=slow.uuid, eventData="half", eventDetail="progress")
passed("sendEvent")
t.jobs.cancelJob(jobUuid=slow.uuid)
while t.jobs.getJobStatus(jobUuid=slow.uuid).status != "CANCELLED":
    assert time.time() < until
    time.sleep(0.1)
passed("cancelJob")
t.jobs.hideJob(jobUuid=slow.uuid)
assert slow.uuid not in [one.uuid for one in t.jobs.getJobList(limit=100)]
assert t.jobs.getJob(jobUuid=slow.uuid).visible is False
passed("hideJob")
t.jobs.unhideJob(jobUuid=slow.uuid)
assert slow.uuid in [one.uuid for one in t.jobs.getJobList(limit=100)]
passed("unhideJob")
t.jobs.checkHealth()
passed("checkHealth")

refused(t.jobs.getJob, jobUuid="00000000-0000-4000-8000-00000000dead-007")
refused(t.jobs.submitJob, name="x", appId="nothing", appVersion="1")
passed("refusals")

for operation in ("patchJobAnnotations", "putJobAnnotations"):
    if hasattr(t.jobs, operation):
        call = getattr(t.jobs, operation)
        if PROFILE == "1.7":
            refused(call, jobUuid=job.uuid, tags=["c"])
        else:
            assert "c" in call(jobUuid=job.uuid, tags=["c"]).tags
        passed(operation)

assert t.authenticator.get_userinfo().username == USER
assert t.authenticator.get_profile(username=OTHER).username == OTHER
passed("profiles")
assert t.apps.getAppLatestVersion(appId="demo").version == "1.0"
assert t.apps.getApp(appId="demo", appVersion="1.0").runtime == "ZIP"
assert "demo" in [one.id for one in t.apps.getApps(listType="ALL", search="(id.like.*de*)")]
passed("apps")
assert t.systems.getSystem(systemId="local").canExec is True
assert {"local", "archive"} <= {one.id for one in t.systems.getSystems(listType="ALL")}
passed("systems")
assert "apps" in [one.name for one in t.files.listFiles(systemId="local", path="/")]
assert b'"demo"' in t.files.getContents(systemId="local", path="apps/demo/app.json")
t.files.mkdir(systemId="local", path="from-tapipy/deep")
passed("files")
print(f"{len(done)} operations PASS")
