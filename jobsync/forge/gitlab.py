"""GitLab: notes and labels of merge requests."""

from __future__ import annotations

from collections.abc import Iterator

from jobsync.forge.comments import Comment
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

    def _of(self, number: int) -> str:
        return f"/projects/{part(self.project)}/merge_requests/{number}"
