"""The small pure world of ``tests/plan`` serves the renderers too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))
