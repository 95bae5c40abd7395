"""What a failure is called between processes."""

import pytest

from alya_mcp.errors import (
    Failure,
    InvalidInput,
    NotConfigured,
    NotInstalled,
    Unavailable,
    failure_of,
    kind_of,
)


@pytest.mark.parametrize("kind", [Failure, InvalidInput, NotConfigured, Unavailable])
def test_a_failure_comes_back_as_the_kind_that_it_was(kind: type[Failure]) -> None:
    back = failure_of(kind_of(kind("why")), "why")
    assert (type(back), str(back)) == (kind, "why")


def test_a_special_kind_is_known_by_its_general_one() -> None:
    assert kind_of(NotInstalled("image_gen", "image")) == "NotConfigured"


@pytest.mark.parametrize("kind", ["Throttled", None, 7, [], "NotInstalled"])
def test_an_unknown_kind_is_a_plain_failure(kind: object) -> None:
    assert type(failure_of(kind, "why")) is Failure
