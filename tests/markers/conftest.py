"""The golden corpus's update flag."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-corpus", action="store_true", help="write tests/markers/corpus/*.json anew")
