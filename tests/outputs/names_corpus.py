# ruff: noqa: E501  (rows of names read better whole)
"""Hostile file names, and ordinary ones that must pass: what a service may put into a listing."""

from __future__ import annotations

REWRITTEN = [
    "..", "../a", "a/..", "a/../b", "../../etc/passwd", "a..b", "data..v2.csv", "...", "....",
    "a...", "..a", "a..", "~", "~/x", "~root", "backup~", "a~b", "x~1", "PROGRA~1", "git~1",
    ".git~1", "a/~/b", "..\\..\\x", "..%2f..", "a/.../b", "..;/x", "..\u200b", "~\u0301",
]  # fmt: skip
ABSOLUTE = [
    "/", "//", "/etc/passwd", "//server/share", "///x", "\\", "\\x", "\\\\server\\share\\x",
    "\\\\?\\C:\\x", "\\\\.\\PhysicalDrive0", "\\\\.\\pipe\\x", "C:", "C:x", "c:/x", "C:\\x", "a\\b",
    "file:///etc/passwd", "a:b", "x.txt:stream", "x::$DATA", "agave://sys/x", "/dev/null", "Z:/",
]  # fmt: skip
SEGMENTS = [
    "", ".", "./a", "a/.", "a/./b", "a//b", "a/", "a//", "./", "a/b/", " ", "  ", " a", "a ",
    "a /b", "a/ b", "a.", "a./b", "a. ", "a .", "\u00a0a", "a\u00a0", "a\u3000", "\u2003x",
    "x.\u00a0", ".a.",
]  # fmt: skip
CONTROL = [
    "a\x00b", "\x00", "a\nb", "a\rb", "a\tb", "a\x1b[2Jb", "a\x07", "\x7f", "a\x85b", "a\x9bb",
    "\x01", "a\x08\x08b", "a\x1b]0;x\x07", "x\x0b", "x\x0c", "a\u2028b", "a\u2029b", "a\nfile\tb",
]  # fmt: skip
INVISIBLE = [
    "a\u202eb", "\u202dx", "a\u202ab", "a\u202cb", "a\u2066b", "a\u2067b", "a\u2069b", "a\u200eb",
    "a\u200fb", "a\u061cb", "a\u200bb", "a\u200cb", "a\u200db", "\ufeffx", "a\u00adb", "a\u2060b",
    "gnp.\u202eexe", ".g\u200cit", "c\u00adon", "a\U000e0001b", "a\U000e0041b", "x\ufff9y",
]  # fmt: skip
SURROGATES = [
    "\ud800", "a\ud800", "a\udc80b", "\udfff", "a/\udcff", "\udc2f", "x\udc2ey",
]  # fmt: skip
ODD = ["a\ue000b", "\uf8ff", "a\uffffb", "a\ufffeb", "\ufdd0", "a\U0001ffff"]
DEVICES = [
    "con", "CON", "Con.txt", "aux", "AUX.h", "nul", "NUL", "nul.tar.gz", "prn", "PRN.x", "com1",
    "COM1.log", "com9", "lpt1", "LPT9.txt", "com0", "lpt0", "COM\u00b9", "com\u00b2.txt", "lpt\u00b3",
    "conin$", "CONOUT$", "a/con", "a/con/b", "con/a", "aux .txt", "con .log", "\uff43on",
]  # fmt: skip
KEPT = [
    ".git", ".git/config", ".GIT", ".Git/hooks/pre-commit", "a/.git", "a/.git/x", ".jobsync",
    ".jobsync/journal", ".JOBSYNC/x", ".jobsync-1234.part", "a/.jobsync-1.json", "jobsync.lock",
    "JOBSYNC.LOCK", "a/jobsync.lock", "\uff0egit", ".g\u0131t\u200b",
]  # fmt: skip
LOOKALIKES = [
    "\uff0e\uff0e", "\uff0e\uff0e/x", "\u2025", "\u2026", "a\uff0fb", "a\uff3cb", "a\uff1ab",
    "\uff5e", "a\ufe52\ufe52b", "\u2024\u2024", "a\ufe68b", "\ufe55x", "a\u2100b", "\uff0e",
]  # fmt: skip
LONG = [
    "x" * 256, "x" * 5000, "a/" + "x" * 256, "\u00e9" * 128, "e\u0301" * 86, "\U0001f600" * 64,
    "\u1fb7" * 50, "/".join(["d" * 200] * 16), "x" * 255 + "/" + "y" * 256, "\ufdfa" * 90,
]  # fmt: skip

HOSTILE = [
    *REWRITTEN, *ABSOLUTE, *SEGMENTS, *CONTROL, *INVISIBLE, *SURROGATES, *ODD, *DEVICES, *KEPT,
    *LOOKALIKES, *LONG,
]  # fmt: skip

ORDINARY = [
    "a", "a.txt", "A.TXT", "results/tree.nwk", "a/b/c/d/e.f", ".hidden", ".gitignore", "-rf", "--",
    "sp|P12345|NAME.fa", "a b.txt", "100%.csv", "%2e%2e", "a&b;c", "$(x)", "`x`", "x'y", 'x"y',
    "console.log", "contig", "com10", "auxiliary.txt", "nullable", "\u00e9t\u00e9.txt", "e\u0301.txt",
    "\u65e5\u672c.fa", "\u0645\u0644\u0641", "\U0001f9ec.txt", "x" * 255, "\u00e9" * 85, "a+b=c,d@e",
    "#x", "{a}", "[b]", "a*b", "a?b", "<x>", "\ufb01le", "a.b.c", ".a", "_", "0", "git", "x.git",
    "jobsync.lock.txt", "\u1e9e.txt", "\u0130.txt",
]  # fmt: skip

COLLIDING = [
    ("a.txt", "A.TXT"), ("\u00e9", "e\u0301"), ("\u00c9.x", "e\u0301.X"), ("stra\u00dfe", "STRASSE"),
    ("\u1e9e", "ss"), ("\u03c3", "\u03c2"), ("d/x", "D/x"), ("d/x", "D/y"), ("a", "a/b"), ("A", "a/b"),
    ("a/b", "a"), ("\u212b", "\u00c5"), ("\u00e5/x", "a\u030a/y"), ("\u01c4", "\u01c6"),
    ("same", "same"), ("\ua64a", "\u1c88"), ("K", "\u212a"),
]  # fmt: skip
