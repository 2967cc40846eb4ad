"""How a plan is to be shown: decided by the caller, who knows the terminal."""

from __future__ import annotations

from jobsync.model import OpenSubmit
from jobsync.render.advice import NO_CALL, Call
from jobsync.render.graph.jobs import Graph
from jobsync.structs import Struct


class Palette(Struct, frozen=True):
    """What is written before and after a piece of text. All empty: no colour."""

    bold: str = ""
    green: str = ""
    yellow: str = ""
    red: str = ""
    cyan: str = ""
    dim: str = ""
    reset: str = ""

    def paint(self, code: str, text: str) -> str:
        """*text* in the colour *code* (one of the fields)."""
        return f"{code}{text}{self.reset}" if code else text


PLAIN = Palette()
ANSI = Palette(
    bold="\x1b[1m",
    green="\x1b[32m",
    yellow="\x1b[33m",
    red="\x1b[31m",
    cyan="\x1b[36m",
    dim="\x1b[2m",
    reset="\x1b[0m",
)


class RenderOptions(Struct, frozen=True):
    """``budget`` is the most characters that Markdown may take; ``marker`` names the comment that
    a bot finds again. ``color`` is only used by formats that a terminal shows. ``call`` is what the
    commands that are advised begin like. ``open_submits`` are those of this machine's journal,
    which no plan has. ``outputs_root`` is where outputs go, from the folder of the set; empty for
    that folder. ``names_digest`` is whether Markdown names the digest in its hidden head, as the
    plan that people review. ``broken`` is what the plan breaks of policies, on a line each.
    ``graph`` is that of the set, for formats that draw; None where the manifests are not at hand.
    ``expand`` is whether changes of a matrix that are alike are shown one by one.
    """

    color: bool = False
    call: Call = NO_CALL
    budget: int = 60_000
    marker: str = "jobsync"
    open_submits: tuple[OpenSubmit, ...] = ()
    outputs_root: str = ""
    names_digest: bool = True
    graph: Graph | None = None
    broken: tuple[str, ...] = ()
    expand: bool = False

    @property
    def palette(self) -> Palette:
        """The colours to use: none unless ``color`` is set."""
        return ANSI if self.color else PLAIN
