"""How to reach a service, whatever it speaks."""

from __future__ import annotations

from jobsync.http.client import USER_AGENT, HttpClient, HttpSettings
from jobsync.http.retry import RetryPolicy, Timing
from jobsync.structs import Struct, field


class Connection(Struct, frozen=True):
    """How to reach a service. Times are in seconds; the defaults suit a production service.

    ``proxy`` is a URL, or empty. ``certificates``, a file or a folder, are trusted instead of those
    shipped with certifi. Nothing is read from the environment here.
    """

    concurrency: int = 16
    connect_timeout: float = 10.0
    idle_timeout: float = 60.0
    total_timeout: float = 300.0
    certificates: str | None = None
    proxy: str = ""
    user_agent: str = USER_AGENT
    timing: Timing = field(default_factory=Timing)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    retries: int = 100

    def client(self, base_url: str) -> HttpClient:
        """A client of the service at *base_url*, which must be in its one spelling."""
        settings = HttpSettings(
            base_url,
            concurrency=self.concurrency,
            connect_timeout=self.connect_timeout,
            idle_timeout=self.idle_timeout,
            total_timeout=self.total_timeout,
            certificates=self.certificates,
            proxy=self.proxy,
            user_agent=self.user_agent,
        )
        return HttpClient(settings, self.timing.monotonic)
