"""GitHub: pull requests, their comments and labels, issues, and which commit merged which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jobsync.errors import Unreadable
from jobsync.forge.comments import Comment, check_head
from jobsync.forge.rest import Rest, part
from jobsync.structs import Struct

BOT = "github-actions[bot]"
"""Who writes with the token that every workflow has."""


class GitHub(Struct, frozen=True):
    """One *repository* (``OWNER/NAME``), as *author* writes there."""

    rest: Rest
    repository: str
    author: str = BOT
    limit: int = 65_536

    def comments(self, number: int) -> Iterator[Comment]:
        """The comments on a pull request or an issue that are ours."""
        path = f"{self._of}/issues/{number}/comments"
        for one in self.rest.all(path, asks="list comments"):
            if self._wrote(one):
                yield Comment(int(one["id"]), str(one.get("body") or ""))

    def create(self, number: int, text: str) -> None:
        """Write a comment."""
        path = f"{self._of}/issues/{number}/comments"
        self.rest.ask("POST", path, {"body": text}, asks="write a comment")

    def update(self, number: int, comment: int, text: str) -> None:
        """Replace a comment."""
        path = f"{self._of}/issues/comments/{comment}"
        self.rest.ask("PATCH", path, {"body": text}, asks="replace a comment")

    def label(self, number: int, prefix: str, label: str) -> None:
        """Give *label*, and take away every other that begins with *prefix*."""
        path = f"{self._of}/issues/{number}/labels"
        for one in [*self.rest.all(path, asks="list labels")]:
            name = str(one["name"])
            if name.startswith(prefix) and name != label:
                self.rest.ask("DELETE", f"{path}/{part(name)}", asks="take a label away")
        self.rest.ask("POST", path, {"labels": [label]}, asks="give a label")

    def is_merged(self, number: int) -> bool:
        """Whether a pull request was merged."""
        found = self.rest.ask("GET", f"{self._of}/pulls/{number}", asks="read a pull request")
        return bool(found.get("merged_at"))

    def check_head(self, branch: str, commit: str) -> None:
        """Raises :class:`StalePlan` unless *commit* is the head of *branch*."""
        found = self.rest.ask("GET", f"{self._of}/branches/{part(branch)}", asks="read a branch")
        check_head(branch, commit, found["commit"]["sha"])

    def merged_by(self, branch: str, commit: str) -> tuple[int, ...]:
        """The pull requests that *commit* merged into *branch* of this repository."""
        path = f"{self._of}/commits/{part(commit)}/pulls"
        return tuple(
            int(one["number"])
            for one in self.rest.all(path, asks="find the pull request of a commit")
            if one.get("merged_at")
            and one.get("merge_commit_sha") == commit
            and one["base"]["ref"] == branch
            and one["base"]["repo"]["full_name"] == self.repository
        )

    def issues(self) -> Iterator[Comment]:
        """The open issues that are ours."""
        path = f"{self._of}/issues?state=open&creator={part(self.author)}"
        for one in self.rest.all(path, asks="list issues"):
            if self._wrote(one) and "pull_request" not in one:
                yield Comment(int(one["number"]), str(one.get("body") or ""))

    def open_issue(self, title: str, text: str) -> int:
        """Open an issue. Its number."""
        body = {"title": title, "body": text}
        made = self.rest.ask("POST", f"{self._of}/issues", body, asks="open an issue")
        return int(made["number"])

    def change_issue(self, number: int, **fields: Any) -> None:
        """Set ``body`` or ``state`` of an issue."""
        self.rest.ask("PATCH", f"{self._of}/issues/{number}", fields, asks="change an issue")

    @property
    def _of(self) -> str:
        owner, _, name = self.repository.partition("/")
        return f"/repos/{part(owner)}/{part(name)}"

    def _wrote(self, record: dict[str, Any]) -> bool:
        user = record.get("user")
        if not isinstance(user, dict):
            raise Unreadable("the forge does not say who wrote a comment")
        is_bot = user.get("type") == "Bot" or not self.author.endswith("[bot]")
        return user.get("login") == self.author and is_bot
