"""A public class name has one meaning in the package."""

import re
from collections import defaultdict
from pathlib import Path

import alya_mcp


def test_no_two_public_classes_have_the_same_name() -> None:
    package = Path(alya_mcp.__file__).parent
    places: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(package.rglob("*.py")):
        for name in re.findall(r"(?m)^class ([A-Z]\w*)", file.read_text(encoding="utf-8")):
            places[name].append(str(file.relative_to(package)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
