"""`alya-mcp decisions`: a ledger comes in and out as CSV, and odd rows cost only themselves."""

from pathlib import Path

import pytest
from command_line import Run


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str | bytes) -> str:
        path = tmp_path / "cases.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_a_ledger_is_imported_exported_and_imported_again(run: Run, table) -> None:
    lines = [
        "domain,statement,confidence,outcome",
        "a/b,it rains,0.7,win",
        "a,=1+1,0.2,LOSS",
        "",
        "b,open,0.5,",
    ]
    rows = "\r\n".join(lines)
    came = run("decisions", "import", table("\ufeff" + rows), "--output", "json")
    assert (came.code, came.json) == (0, {"imported": 3, "rejected": []})
    out = run("decisions", "export")
    assert out.code == 0
    assert "'=1+1" in out.out
    again = run("decisions", "import", table(out.out), "--output", "json")
    assert (again.code, again.json["imported"]) == (1, 0)
    assert [each["row"] for each in again.json["rejected"]] == [2, 3, 4]
    nobody = run("decisions", "import", table(out.out), "--grant", "other")
    assert nobody.code == 2
    assert "'other'" in nobody.err
    assert run("grants", "create", "other").code == 0
    elsewhere = run("decisions", "import", table(out.out), "--grant", "other", "--output", "json")
    assert (elsewhere.code, elsewhere.json["imported"]) == (1, 0)
    assert run("decisions", "export").out == out.out


def test_odd_rows_are_rejected_with_their_numbers_and_the_others_are_in(run: Run, table) -> None:
    rows = [
        "statement,confidence,domain,outcome,madeAt",
        "fine,0.5,a,win,2026-01-01",
        "fine,1.5,a,win,",
        "fine,high,a,,",
        ",0.5,a,,",
        "fine,0.5,/,,",
        "fine,0.5,a,maybe,",
        "fine,0.5,a,,yesterday",
        "half,0.5",
        "fine,,a,,",
        "also fine,1,a,void,2026-01-01T10:00:00Z",
    ]
    came = run("decisions", "import", table("\n".join(rows)), "--output", "json")
    assert (came.code, came.json["imported"]) == (1, 2)
    assert [each["row"] for each in came.json["rejected"]] == list(range(3, 11))


@pytest.mark.parametrize(
    "text",
    ["", "domain,statement\na,b\n", "domain,statement,confidence,stake\na,b,0.5,1\n", b"\xff\xfe\x00d",
     'domain,statement,confidence\na,"half', "domain,domain,statement,confidence\n"],
)  # fmt: skip
def test_a_file_that_is_no_ledger_changes_nothing(run: Run, table, text: str | bytes) -> None:
    refused = run("decisions", "import", table(text))
    assert refused.code == 2
    assert refused.err.startswith("Error: ")
    assert "Traceback" not in refused.err
    assert run("decisions", "export").out.count("\n") == 1


def test_a_file_that_is_not_there_is_said(run: Run, tmp_path: Path) -> None:
    assert run("decisions", "import", str(tmp_path / "none.csv")).code == 2
