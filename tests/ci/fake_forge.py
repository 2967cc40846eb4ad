"""A forge on loopback that keeps comments, labels, issues and pull requests as GitHub does, and
notes as GitLab does: what the documents of both say of these requests, and nothing more."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

REPOSITORY = "lab/jobs"
BOT = {"login": "github-actions[bot]", "type": "Bot", "id": 1}
PERSON = {"login": "mallory", "type": "User", "id": 2}
TOKEN = "forge-token"


@dataclass
class Forge:
    """What the forge holds. ``refuses`` has the methods that are answered with 403."""

    url: str = ""
    heads: dict[str, str] = field(default_factory=dict)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    labels: dict[int, list[str]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)
    limit: int = 65_536

    def comment(self, number: int, text: str, user: dict[str, Any]) -> dict[str, Any]:
        """Somebody writes a comment."""
        known = self.comments.setdefault(number, [])
        ids = [one["id"] for them in self.comments.values() for one in them]
        made = {"id": max(ids, default=100) + 1, "body": text, "user": user, "author": user}
        known.append(made)
        return made

    def merge(self, number: int, commit: str, branch: str = "main") -> None:
        """A pull request is merged as *commit*, the new head of *branch*."""
        repo = {"full_name": REPOSITORY}
        self.pulls.append(
            {
                "number": number,
                "merged_at": "2026-01-01T00:00:00Z",
                "merge_commit_sha": commit,
                "base": {"ref": branch, "repo": repo},
            }
        )
        self.heads[branch] = commit

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        """The status and the JSON for one request."""
        parts = urlsplit(target)
        query = {key: value[0] for key, value in parse_qs(parts.query).items()}
        path = unquote(parts.path)
        if method in self.refuses:
            return 403, {"message": "Resource not accessible by integration"}
        if body and len(str(body.get("body", ""))) > self.limit:
            return 422, {"message": "Validation Failed: body is too long"}
        if path.startswith("/projects/7/") or path == "/user":
            return self._gitlab(method, path, query, body)
        return self._github(method, path.removeprefix(f"/repos/{REPOSITORY}"), query, body)

    def _github(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        words = path.strip("/").split("/")
        match (method, *words):
            case ("GET", "branches", branch):
                return 200, {"commit": {"sha": self.heads[branch]}}
            case ("GET", "commits", commit, "pulls"):
                return 200, page([p for p in self.pulls if p["merge_commit_sha"] == commit], query)
            case ("GET", "pulls", number):
                found = [one for one in self.pulls if one["number"] == int(number)]
                return 200, found[0] if found else {"number": int(number), "merged_at": None}
            case ("GET", "issues", number, "comments"):
                return 200, page(self.comments.get(int(number), []), query)
            case ("POST", "issues", number, "comments"):
                return 201, self.comment(int(number), body["body"], BOT)
            case ("PATCH", "issues", "comments", one):
                return 200, self._edited(int(one), body["body"])
            case ("GET", "issues", number, "labels"):
                names = self.labels.get(int(number), [])
                return 200, page([{"name": name} for name in names], query)
            case ("POST", "issues", number, "labels"):
                known = self.labels.setdefault(int(number), [])
                known += [name for name in body["labels"] if name not in known]
                return 200, known
            case ("DELETE", "issues", number, "labels", name):
                self.labels[int(number)].remove(name)
                return 200, []
            case ("GET", "issues"):
                is_open = [one for one in self.issues if one["state"] == query["state"]]
                return 200, page(
                    [i for i in is_open if i["user"]["login"] == query["creator"]], query
                )
            case ("POST", "issues"):
                made = {"number": len(self.issues) + 1, "state": "open", "user": BOT, **body}
                self.issues.append(made)
                return 201, made
            case ("PATCH", "issues", number):
                self.issues[int(number) - 1].update(body)
                return 200, self.issues[int(number) - 1]
        return 404, {"message": "Not Found"}

    def _gitlab(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if path == "/user":
            return 200, {"id": BOT["id"]}
        match path.removeprefix("/projects/7/repository/").split("/"):
            case ("branches", branch):
                return 200, {"commit": {"id": self.heads[branch]}}
            case ("commits", commit, "merge_requests"):
                merged = [
                    {
                        "iid": one["number"],
                        "state": "merged",
                        "merge_commit_sha": one["merge_commit_sha"],
                        "target_branch": one["base"]["ref"],
                    }
                    for one in self.pulls
                    if one["merge_commit_sha"] == commit
                ]
                return 200, page(merged, query)
        words = path.removeprefix("/projects/7/merge_requests/").split("/")
        number = int(words[0])
        match (method, *words[1:]):
            case ("GET", "notes"):
                return 200, page(self.comments.get(number, []), query)
            case ("POST", "notes"):
                return 201, self.comment(number, body["body"], BOT)
            case ("PUT", "notes", note):
                return 200, self._edited(int(note), body["body"])
            case ("GET",):
                states = ["merged" for one in self.pulls if one["number"] == number]
                return 200, {
                    "labels": self.labels.get(number, []),
                    "state": (states or ["opened"])[0],
                }
            case ("PUT",):
                known = set(self.labels.get(number, [])) | {body["add_labels"]}
                self.labels[number] = sorted(known - set(body["remove_labels"].split(",")))
                return 200, {}
        return 404, {"message": "404 Not found"}

    def _edited(self, number: int, text: str) -> dict[str, Any]:
        (found,) = [one for them in self.comments.values() for one in them if one["id"] == number]
        found["body"] = text
        return found


def page(items: list[Any], query: dict[str, str]) -> list[Any]:
    size, number = int(query.get("per_page", 30)), int(query.get("page", 1))
    return items[(number - 1) * size : number * size]


@contextmanager
def forge() -> Iterator[Forge]:
    """A forge that runs; it knows its own ``url``."""
    held = Forge()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            given = self.headers.get("Authorization", "").removeprefix("Bearer ")
            given = given or self.headers.get("PRIVATE-TOKEN", "")
            held.seen.append(f"{self.command} {self.path}")
            status, told = 401, {"message": "Bad credentials"}
            if given == TOKEN:
                status, told = held.answer(self.command, self.path, body)
            data = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
