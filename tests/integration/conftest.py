import pytest


@pytest.fixture(scope="session", autouse=True)
def _quick(quick_servers: None) -> None:
    """Most tests here start servers."""
