"""What a campaign needs to know of an api: jobs that run anywhere, and how alice logs in."""

from __future__ import annotations

from dataclasses import dataclass

from jobsync.testing import LocalService

CHOICES = ("agave/v2", "tapis/v3")


@dataclass(frozen=True)
class Api:
    """An api by its name. ``app`` runs the demo, ``slow`` takes a second, ``three`` reads three
    lines; ``after`` takes the output of job ``one``; ``shared`` is the most that can be given."""

    name: str
    app: str
    slow: str
    three: str
    after: str
    shared: str
    variable: str

    def token(self, service: LocalService) -> str:
        """Alice's token, as the variable takes it."""
        if self.name == "agave/v2":
            return service.tokens["alice"]
        return service.jwt("alice")


_V3 = 'appId: wc-demo, appVersion: "1.00"'
APIS = {
    "agave/v2": Api(
        "agave/v2",
        "appId: wc-demo-1.00",
        "appId: wc-demo-1.00, parameters: {seconds: 1}",
        "appId: wc-demo-1.00, parameters: {lines: 3}",
        'appId: wc-demo-1.00, inputs: {text: ["${jobs.one.outputs/counts.txt}"]}',
        "READ_WRITE",
        "TAPIS_TOKEN",
    ),
    "tapis/v3": Api(
        "tapis/v3",
        _V3,
        f'{_V3}, parameterSet: {{envVariables: [{{key: wait_seconds, value: "1"}}]}}',
        f'{_V3}, parameterSet: {{envVariables: [{{key: lines, value: "3"}}]}}',
        f'{_V3}, fileInputs: [{{name: text, sourceUrl: "${{jobs.one.outputs/counts.txt}}"}}]',
        "READ",
        "TAPIS_ACCESS_TOKEN",
    ),
}
