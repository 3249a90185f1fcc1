"""Where two runs part: their marker streams aligned as sequences, the first divergence, and a signature of it.

from harness.diff import DEFAULT_RULES, compare
from harness.diff.streams import of_bundle, of_log

found = compare(of_bundle(good), of_bundle(bad), DEFAULT_RULES)
found.first        # the earliest Difference, None when there is none
found.signature    # one line, equal for runs with the same defect; "" when the runs are the same
"""

from harness.diff.comparison import compare
from harness.diff.model import Comparison, Difference, Ending, Kind, Picture, Stream
from harness.diff.rules import DEFAULT_RULES, Rule, Rules, load_rules

__all__ = [
    "DEFAULT_RULES",
    "Comparison",
    "Difference",
    "Ending",
    "Kind",
    "Picture",
    "Rule",
    "Rules",
    "Stream",
    "compare",
    "load_rules",
]
