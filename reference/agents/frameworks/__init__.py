"""The same review orchestrated by LangGraph and by pydantic-ai, for comparison; both are optional."""

from .base import FrameworkReviewer, NotInstalled
from .compare import Compared, Timing, compare, measure, reviewers
from .failures import Failure, observe_failures
from .state_graph import LangGraphReviewer
from .tool_agent import PydanticAIReviewer

__all__ = [
    "Compared",
    "Failure",
    "FrameworkReviewer",
    "LangGraphReviewer",
    "NotInstalled",
    "PydanticAIReviewer",
    "Timing",
    "compare",
    "measure",
    "observe_failures",
    "reviewers",
]
