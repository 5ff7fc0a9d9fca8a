"""The query path: from a user's words to the best chunks of the tenants that may be searched."""

from .opening import open_searcher
from .remembered import source_key
from .requests import NoIndexAnswers, SearchError, SearchRequest
from .searcher import Searcher
from .settings import SearchSettings, SearchSettingsError
from .text import BadQuery, PreparedQuery, prepare_query

__all__ = [
    "BadQuery",
    "NoIndexAnswers",
    "PreparedQuery",
    "SearchError",
    "SearchRequest",
    "SearchSettings",
    "SearchSettingsError",
    "Searcher",
    "open_searcher",
    "prepare_query",
    "source_key",
]
