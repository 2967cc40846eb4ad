"""GitLab: notes and labels of merge requests."""

from __future__ import annotations

from collections.abc import Iterator

from jobsync.forge.comments import Comment, check_head
from jobsync.forge.rest import Rest, part
from jobsync.structs import Struct


class GitLab(Struct, frozen=True):
    """One *project* by its id, as the owner of the token writes there."""

    rest: Rest
    project: str
    limit: int = 1_000_000

    def comments(self, number: int) -> Iterator[Comment]:
        """The notes of a merge request that are ours."""
        me = self.rest.ask("GET", "/user", asks="read who the token belongs to")["id"]
        for one in self.rest.all(f"{self._of(number)}/notes?sort=asc", asks="list notes"):
            if one["author"]["id"] == me and not one.get("system"):
                yield Comment(int(one["id"]), str(one.get("body") or ""))

    def create(self, number: int, text: str) -> None:
        """Write a note."""
        self.rest.ask("POST", f"{self._of(number)}/notes", {"body": text}, asks="write a note")

    def update(self, number: int, comment: int, text: str) -> None:
        """Replace a note."""
        path = f"{self._of(number)}/notes/{comment}"
        self.rest.ask("PUT", path, {"body": text}, asks="replace a note")

    def label(self, number: int, prefix: str, label: str) -> None:
        """Give *label*, and take away every other that begins with *prefix*."""
        path = self._of(number)
        labels = self.rest.ask("GET", path, asks="read labels").get("labels", [])
        gone = [name for name in labels if name.startswith(prefix) and name != label]
        body = {"add_labels": label, "remove_labels": ",".join(gone)}
        self.rest.ask("PUT", path, body, asks="give a label")

    def check_head(self, branch: str, commit: str) -> None:
        """Raises :class:`StalePlan` unless *commit* is the head of *branch*."""
        path = f"/projects/{part(self.project)}/repository/branches/{part(branch)}"
        check_head(branch, commit, self.rest.ask("GET", path, asks="read a branch")["commit"]["id"])

    def merged_by(self, branch: str, commit: str) -> tuple[int, ...]:
        """The merge requests that *commit* merged into *branch*."""
        path = f"/projects/{part(self.project)}/repository/commits/{part(commit)}/merge_requests"
        return tuple(
            int(one["iid"])
            for one in self.rest.all(path, asks="find the merge request of a commit")
            if one.get("state") == "merged"
            and commit
            in (one.get("merge_commit_sha"), one.get("squash_commit_sha"), one.get("sha"))
            and one.get("target_branch") == branch
        )

    def is_merged(self, number: int) -> bool:
        """Whether a merge request was merged."""
        found = self.rest.ask("GET", self._of(number), asks="read a merge request")
        return bool(found.get("state") == "merged")

    def _of(self, number: int) -> str:
        return f"/projects/{part(self.project)}/merge_requests/{number}"
