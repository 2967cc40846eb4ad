"""Nothing is written over the files of an earlier run without a word, through the command."""

from __future__ import annotations

import json

import pytest

from tests.line.linebench import Lab

HAZARD = "overwrite-archive"


def hazards(lab: Lab, *arguments: str) -> list[str]:
    done = lab.run("plan", "--format", "json", *arguments)
    assert done.code == 0, done.err
    return [hazard["name"] for hazard in json.loads(done.out)["hazards"]]


def job(path: str, lines: int = 1, key: str = "one") -> str:
    return f"{key}: {{appId: wc-demo-1.00, archivePath: '{path}', parameters: {{lines: {lines}}}}}"


@pytest.fixture
def folder(lab: Lab) -> str:
    """A folder of the archive that this test alone uses."""
    return f"{lab.project}-out"


def test_another_job_of_the_set_that_is_gone_by_now(lab: Lab, folder: str) -> None:
    lab.write(job(folder))
    assert hazards(lab) == []
    lab.apply()
    lab.write(job(folder, 2, "two"))
    assert hazards(lab) == [HAZARD]
    done = lab.run("apply", "--auto-approve", "--wait")
    assert done.code == 4
    assert f"{lab.project}.one." in done.err, "the run whose files lie there is named"


def test_an_earlier_run_of_the_same_job_but_not_the_last_one(lab: Lab, folder: str) -> None:
    lab.write(job(f"{folder}/x", 1))
    lab.apply()
    lab.write(job(f"{folder}/y", 2))
    assert hazards(lab) == []
    lab.apply()
    lab.write(job(f"{folder}/x", 3))
    assert hazards(lab) == [HAZARD]


def test_a_run_of_another_project(lab: Lab, folder: str) -> None:
    lab.write(job(folder))
    lab.apply()
    lab.project += "-other"
    lab.write(job(folder))
    assert hazards(lab) == [HAZARD]


def test_a_run_whose_name_is_not_ours(lab: Lab, folder: str) -> None:
    lab.service.submit("alice", archivePath=folder)
    lab.write(job(folder))
    assert hazards(lab) == [HAZARD]


def test_a_hidden_run(lab: Lab, folder: str) -> None:
    found = lab.service.submit("alice", archivePath=folder)
    lab.service.wait("alice", found["id"])
    assert lab.service.call("alice", "DELETE", f"/jobs/v2/{found['id']}").status == 200
    lab.write(job(folder))
    assert hazards(lab) == [HAZARD]


@pytest.mark.parametrize(
    "spelled",
    [
        "/{}/a/b",
        "{}/a/b/",
        "{}//a/b",
        "./{}/./a/b",
        " {}/a/b",
        "{}/a",
        "{}/a/b/c",
        "{}/${{JOB_OWNER}}/b",
        "{}/a/b/c/${{APP_ID}}",
    ],
)
def test_other_spellings_and_nested_folders(lab: Lab, folder: str, spelled: str) -> None:
    owned = "alice" if "OWNER" in spelled else "a"
    lab.service.submit("alice", archivePath=f"{folder}/{owned}/b")
    lab.write(job(spelled.format(folder)))
    assert hazards(lab) == [HAZARD]


@pytest.mark.parametrize(
    "path",
    ["{}/a/c", "{}/a/b2", "{}/a/b/${{JOB_ID}}", "${{JOB_NAME}}/{}/a/b", "{}/a/${{APP_ID}}"],
)
def test_folders_that_are_others(lab: Lab, folder: str, path: str) -> None:
    lab.service.submit("alice", archivePath=f"{folder}/a/b")
    lab.write(job(path.format(folder)))
    assert hazards(lab) == []


def test_the_system_that_is_the_default_and_one_that_is_another(lab: Lab, folder: str) -> None:
    lab.service.submit("alice", archivePath=folder)
    lab.write(job(folder).replace("archivePath", "archiveSystem: archive, archivePath"))
    assert hazards(lab) == [HAZARD]
    lab.write(job(folder).replace("archivePath", "archiveSystem: other, archivePath"))
    assert hazards(lab) == []


def test_two_jobs_of_one_plan_in_nested_folders(lab: Lab, folder: str) -> None:
    lab.write(f"{job(folder)}\n{job(f'{folder}/two', 2, 'two')}\n")
    assert hazards(lab) == [HAZARD]


def test_going_back_to_a_job_whose_files_were_written_over(lab: Lab, folder: str) -> None:
    lab.write(job(folder))
    lab.apply()
    lab.write(job(folder, 2, "two"))
    lab.apply("--allow", HAZARD)
    (two,) = (run for run in lab.mine() if ".two." in run["name"])
    after = "\nafter: {appId: wc-demo-1.00, inputs: {text: '${jobs.one.outputs/counts.txt}'}}\n"
    lab.write(job(folder) + after)
    done = lab.run("plan")
    assert "! one did not produce what it must" in done.out
    assert f"run {two['id']}" in done.out
    assert "! after will not run: needs one, which is incomplete" in done.out
    done = lab.run("apply", "--auto-approve", "--wait")
    assert done.code == 7
    assert len(lab.mine()) == 2, "nothing was submitted"
    why = lab.run("why", "one").out
    assert f"run {two['id']}" in why
    assert "give one its own archivePath" in why
    # Who accepts that folders are shared is told, and goes on.
    done = lab.run("plan", "--allow", HAZARD)
    assert "after will be created" in done.out
    assert f"run {two['id']} ({two['name']}) has archived to the folder of run" in done.out
    lab.write(job(f"{folder}-one") + after)
    assert hazards(lab) == []
    lab.apply()
    assert "No changes" in lab.run("plan").out


def test_a_hidden_run_whose_files_were_written_over_is_not_restored(lab: Lab, folder: str) -> None:
    lab.write(job(folder))
    lab.apply()
    lab.write(job(folder, 2, "two"))
    lab.apply("--allow", HAZARD, "--allow", "delete-jobs", "--prune")
    assert len(lab.mine()) == 1
    lab.write(job(folder))
    done = lab.run("plan")
    assert "! one did not produce what it must" in done.out
    assert lab.run("apply", "--auto-approve", "--wait").code == 7
    assert len(lab.mine()) == 1


def test_why_says_of_a_path_what_the_plan_says(lab: Lab, folder: str) -> None:
    def path_of() -> str:
        (line,) = (ln for ln in lab.run("why", "one").out.splitlines() if "archivePath" in ln)
        return " ".join(line.split())

    lab.write(job(f"/{folder}/"))
    lab.apply()
    assert "No changes" in lab.run("plan").out
    assert path_of().startswith(f'archivePath "/{folder}" # same')
    (run,) = lab.mine()
    lab.write(job(f"/{folder}/").replace("{appId", f"{{id: {run['id']}, appId"))
    assert "No changes" in lab.run("plan").out
    lab.write(job(folder).replace("{appId", f"{{id: {run['id']}, appId"))
    assert "No changes" in lab.run("plan").out, "a run that is pinned is compared as a folder"
    assert "# same" in path_of()
    lab.write(job(folder))
    assert f'archivePath = "/{folder}" -> "{folder}"' in lab.run("plan").out
    assert "# differs" in path_of(), "a path is part of the fingerprint as it is spelled"


def test_a_path_with_a_slash_at_its_beginning_feeds_the_next_job(lab: Lab, folder: str) -> None:
    after = "\nafter: {appId: wc-demo-1.00, inputs: {text: '${jobs.one.outputs/counts.txt}'}}\n"
    lab.write(job(f"/{folder}//x/") + after)
    lab.apply()
    assert "No changes" in lab.run("plan").out
    assert "# differs" not in lab.run("why", "after").out
