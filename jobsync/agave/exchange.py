"""The nouns of an HTTP exchange under the names that the codec has for them."""

from jobsync.http.messages import Repeat as Repeat
from jobsync.http.messages import Request as Call
from jobsync.http.messages import Response as Answer

__all__ = ["Answer", "Call", "Repeat"]
