"""What Alya finds in her documentation: passages by their words, in English and Turkish, or nothing."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alya_mcp.tools.hub.knowledge.index import PassageIndex
from alya_mcp.tools.hub.knowledge.passages import Passage, documentation, split

PAGE = """Before any heading.

# A page

First line
second line with a [link](other.md) and **weight**.

- one
  goes on
- two

| key | meaning |
|---|---|
| `a` | an a |
| `b` | a \\| b |

## Inner

```sh
# no heading

run --this
```
"""


def test_a_page_is_cut_at_its_headings_and_reads_as_prose() -> None:
    start, page, inner = split(PAGE, "docs/x.md")
    assert (start.title, start.text) == ("", "Before any heading.")
    assert page.title == "A page"
    assert page.text.split("\n\n") == [
        "First line second line with a link and weight.", "- one goes on\n- two", "key: `a`; meaning: an a",
        "key: `b`; meaning: a | b",
    ]  # fmt: skip
    assert inner.title == "A page \u203a Inner"
    assert inner.text == "```\n# no heading\n```\n\n```\nrun --this\n```"


def test_a_long_section_is_cut_and_loses_nothing() -> None:
    words = [f"word{n}" for n in range(600)]
    passages = split(
        "# T\n\n" + "\n\n".join(" ".join(words[n : n + 20]) for n in range(0, 600, 20)), "docs/x.md"
    )
    assert len(passages) > 3
    assert all(len(passage.text) < 1400 for passage in passages)
    assert " ".join(passage.text for passage in passages).split() == words


@pytest.fixture(scope="module")
def index() -> Iterator[PassageIndex]:
    made = PassageIndex(documentation())
    yield made
    made.close()


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("How do I limit calls per minute?", "docs/policy.md"),
        ("how long is the audit log kept", "docs/audit.md"),
        ("how do I use S3 for images", "docs/storage.md"),
        ("How do I install this in Claude Desktop?", "README.md"),
        ("which model draws images without a GPU", "docs/images.md"),
        ("çağrıları nasıl sınırlarım", "docs/policy.md"),
        ("denetim kaydı nasıl doğrulanır?", "docs/audit.md"),
        ("DENETIM KAYDI NASIL DOGRULANIR", "docs/audit.md"),
        ("ALYA_AUDIT_KEEP_DAYS", "docs/configuration.md"),
    ],
)
def test_a_question_finds_the_page_that_answers_it(index: PassageIndex, question: str, page: str) -> None:
    assert page in [passage.source for passage in index.find(question, 5)]


@pytest.mark.parametrize(
    "question",
    ["What is the capital of France?", "en iyi pizza tarifi", "araba fiyatları", "who wrote Hamlet",
     "merhaba", "???", "ve bir", "你好"],
)  # fmt: skip
def test_a_question_about_something_else_finds_nothing(index: PassageIndex, question: str) -> None:
    assert index.find(question, 5) == []


def test_a_question_is_words_and_no_query_of_the_database(index: PassageIndex) -> None:
    for question in ('"; DROP TABLE passage; --', 'NEAR("a" "b")', "title: x OR *", "policy NOT limits ^"):
        index.find(question, 5)
    assert index.find("how long is the audit log kept", 1)


def test_passages_that_name_what_is_hidden_are_not_found(index: PassageIndex) -> None:
    question = "how long is the audit log kept"
    assert all("audit" not in passage.text for passage in index.find(question, 5, without=["audit"]))


def test_the_page_that_quotes_attackers_is_left_out() -> None:
    assert "docs/attacks.md" not in {passage.source for passage in documentation()}


def test_a_heading_has_to_hold_a_word_of_the_question() -> None:
    passages = [
        Passage(title="Storage", source="a", text="approvals are mentioned here once"),
        Passage(title="Approvals", source="b", text="a person says yes"),
    ]
    with closing(PassageIndex(passages)) as index:
        assert [each.source for each in index.find("approvals", 5)] == ["b"]


def test_the_wheel_holds_what_alya_reads() -> None:
    import tomllib

    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert (included["docs"], included["README.md"]) == ("alya_mcp/docs", "alya_mcp/docs/README.md")
