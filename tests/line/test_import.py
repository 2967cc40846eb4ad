"""A set made of jobs that exist: it says where to, pins each job, and its first plan is empty."""

from __future__ import annotations

import yaml

from tests.line.linebench import Done, Lab


def empty(done: Done) -> bool:
    return done.code == 0 and "No changes." in done.out


def test_a_job_that_jobsync_made_is_called_by_its_address(lab: Lab) -> None:
    lab.write(
        """\
        calc:
          appId: wc-demo-1.00
          matrix: {way: [max, min], n: [1]}
          parameters: {lines: "${matrix.n}"}
          rerun: 2
        """
    )
    lab.apply()
    runs = lab.mine()
    (lab.folder / "imported").mkdir()
    done = lab.run("import", *(run["id"] for run in runs), "-o", "imported/set.yaml")
    assert done.code == 0, done.err
    assert list(yaml.safe_load((lab.folder / "imported/set.yaml").read_text())["jobs"]) == [
        f"calc-{run['name'].split('.')[2]}-{run['name'].split('.')[3]}" for run in runs
    ]
    assert empty(lab.run("plan", "imported", "--detailed-exitcode"))


def test_the_target_is_written(lab: Lab) -> None:
    job = lab.service.submit("alice")
    lab.service.wait("alice", job["id"])
    done = lab.run("import", job["id"])
    assert yaml.safe_load(done.out)["target"] == "env"
    here = f"{{api: agave/v2, baseUrl: '{lab.service.url}', owner: alice, concurrency: 3}}"
    head = f"targets: {{here: {here}}}\n"
    lab.write("one: {appId: wc-demo-1.00}\n", head)
    (lab.folder / "new").mkdir()
    done = lab.run("import", job["id"], "-m", "set.yaml", "--target", "here", "-o", "new/set.yaml")
    assert done.code == 0, done.err
    written = yaml.safe_load((lab.folder / "new/set.yaml").read_text())
    assert written["target"] == "here"
    assert written["targets"] == {
        "here": {
            "api": "agave/v2",
            "baseUrl": lab.service.url,
            "owner": "alice",
            "concurrency": 3,
        }
    }
    assert empty(lab.run("plan", "new", "--detailed-exitcode"))


def test_files_of_another_workspace_are_told_and_the_first_plan_is_empty(lab: Lab) -> None:
    (lab.service.workspace / "numbers.txt").write_text("1\n")
    (lab.folder / "here.txt").write_text("1\n")
    (lab.service.workspace / "here.txt").write_text("1\n")
    jobs = [
        lab.service.submit("alice", inputs={"text": f"agave://local/{name}"}, name=name)
        for name in ("numbers.txt", "here.txt")
    ]
    for job in jobs:
        lab.service.wait("alice", job["id"])
    done = lab.run("import", *(job["id"] for job in jobs), "-o", "set.yaml")
    assert done.code == 0
    assert (
        f'Warning: {jobs[0]["id"]}: inputs.text left out: there is no file "numbers.txt" in the '
        "folder of the set; once it is there, write under inputs: "
        'text: ["agave://local/numbers.txt"]\n'
    ) in done.err
    assert done.err.count("Warning") == 1
    assert empty(lab.run("plan", "set.yaml", "--detailed-exitcode"))
    (lab.folder / "numbers.txt").write_text("1\n")
    again = lab.run("import", jobs[0]["id"])
    assert "Warning" not in again.err
    assert 'text:\n        - "agave://local/numbers.txt"' in again.out


def test_a_folder_that_was_chosen_is_told_and_the_usual_one_is_not(lab: Lab) -> None:
    jobs = [
        lab.service.submit("alice", archivePath="chosen/by/hand"),
        lab.service.submit("alice"),
    ]
    for job in jobs:
        lab.service.wait("alice", job["id"])
    done = lab.run("import", *(job["id"] for job in jobs))
    assert "archivePath" not in done.out
    warning = f"archivePath left out: the files of run {jobs[0]['id']} are in chosen/by/hand"
    assert [line for line in done.err.splitlines() if "Warning" in line] == [
        f"Warning: {jobs[0]['id']}: {warning}"
    ]


def test_convert_says_of_the_record_what_import_says(lab: Lab) -> None:
    job = lab.service.submit(
        "alice", archivePath="chosen/again", parameters={"lines": 3}, memoryPerNode="2GB"
    )
    lab.service.wait("alice", job["id"])
    (lab.folder / "job.json").write_text(lab.run("jobs", "show", job["id"], "--format", "json").out)
    converted = lab.run("convert", "job.json")
    imported = lab.run("import", job["id"])
    (one,) = yaml.safe_load(converted.out)["jobs"].values()
    (other,) = yaml.safe_load(imported.out)["jobs"].values()
    assert one == {key: value for key, value in other.items() if key not in ("id", "permissions")}
    said = [done.err.replace("job.json", job["id"]) for done in (converted, imported)]
    assert said[0] == said[1]
    lab.write("one: {appId: wc-demo-1.00, archivePath: chosen/again}\n")
    assert "overwrite-archive" in lab.run("plan").out
