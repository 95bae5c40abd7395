"""`alya-mcp gems`: a catalogue comes in and out as CSV, and odd rows cost only themselves."""

from pathlib import Path

import pytest
from command_line import Run

HEADER = "id,species,variety,carat,colour,clarity,cut,origin,treatment,certificate,price_usd,sold_at"


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str | bytes) -> str:
        path = tmp_path / "gems.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_a_catalogue_is_imported_listed_corrected_and_cleared(run: Run, table) -> None:
    rows = [
        HEADER,
        "1,Ruby,,1.5,pigeon blood,VVS1,oval,Burma,none,GRS,25000,2026-01-31",
        '2,ruby ,,2,"red, deep",,,,,,,',
        "",
        "5f0c2a9e-6a0b-4b9f-8f0e-0d9d6f6f2b11,Emerald,,0.8,green,,,,oil,,1200,2025-06-01T10:00:00Z",
    ]
    came = run("gems", "import", table("\ufeff" + "\r\n".join(rows)), "--output", "json")
    assert (came.code, came.json) == (0, {"imported": 3, "rejected": []})
    listed = run("gems", "list", "--output", "json")
    assert listed.json == [
        {"species": "emerald", "gems": 1, "priced": 1},
        {"species": "ruby", "gems": 2, "priced": 1},
    ]
    copy = run("gems", "list", "--csv")
    assert '"red, deep"' in copy.out
    assert run("gems", "import", table(copy.out), "--output", "json").json["imported"] == 3
    assert run("gems", "list", "--csv").out == copy.out
    corrected = run("gems", "import", table(f"{HEADER}\n1,ruby,,1.5,red,,,,,,9000,\n"))
    assert corrected.code == 0
    assert "9000.0" in run("gems", "list", "--csv").out
    assert "25000.0" not in run("gems", "list", "--csv").out
    assert run("grants", "create", "other").code == 0
    assert run("gems", "list", "--grant", "other", "--output", "json").json == []
    assert run("gems", "clear").code == 130
    assert run("gems", "clear", "--yes", "--output", "json").json == {"removed": 3}
    assert run("gems", "list").err.startswith("No gems are imported")


def test_odd_rows_are_rejected_with_their_numbers_and_the_others_are_in(run: Run, table) -> None:
    rows = [
        "species,id,carat,price_usd,sold_at",
        "ruby,1,1.0,100,2026-01-01",
        "ruby,1,1.1,100,",
        "ruby,3,0,100,",
        "ruby,4,heavy,100,",
        "ruby,5,1.0,-5,",
        "ruby,6,1.0,nan,",
        "ruby,7,1.0,100,yesterday",
        "ruby,8,1.0,100,2999-01-01",
        "ruby,9",
        ",10,1.0,,",
        f"ruby,{'9' * 65},1.0,,",
        "'; DROP TABLE gems; --,12,1.0,,",
    ]
    came = run("gems", "import", table("\n".join(rows)), "--output", "json")
    assert (came.code, came.json["imported"]) == (1, 2)
    assert [each["row"] for each in came.json["rejected"]] == list(range(3, 13))
    assert all(each["reason"] for each in came.json["rejected"])


@pytest.mark.parametrize(
    "text",
    ["", "id,species\n1,ruby\n", "id,species,carat,color\n1,ruby,1,red\n", b"\xff\xfe\x00d",
     'id,species,carat\n1,"half', "id,id,species,carat\n"],
)  # fmt: skip
def test_a_file_that_is_no_catalogue_changes_nothing(run: Run, table, text: str | bytes) -> None:
    refused = run("gems", "import", table(text))
    assert refused.code == 2
    assert refused.err.startswith("Error: ")
    assert run("gems", "list", "--output", "json").json == []


def test_listings_are_imported_with_a_named_rate_and_cleared(run: Run, table) -> None:
    rows = [
        "id,title,price,currency,usd_rate,rate_name,sale,url",
        "1,Copper ewer,100,eur,1.25,ECB 2026-11-30,,https://shop.example/1",
        "2,Copper ewer,100,EUR,,,sold,",
        "3,Copper ewer,100,EUR,1.25,,,",
        "4,Copper ewer,free,,,,,",
        "5,Copper ewer,100,euros,,,,",
        "6,Copper ewer,100,,,,bidding,",
        "7,Copper ewer,100,,,,,javascript:alert(1)",
        "1,Copper ewer,100,,,,,",
    ]
    came = run("antiques", "import", table("\n".join(rows)), "--output", "json")
    assert (came.code, came.json["imported"]) == (1, 2)
    assert [each["row"] for each in came.json["rejected"]] == list(range(4, 10))
    first, second = run("antiques", "list", "--output", "json").json
    assert (first["price"], first["currency"]) == (125, "USD")
    assert (second["price"], second["currency"], second["sale"]) == (100, "EUR", "sold")
    assert "125 USD" in run("antiques", "list").out
    assert run("antiques", "import", table("title\nx\n")).code == 2
    assert run("antiques", "clear", "--yes", "--output", "json").json == {"removed": 2}
    assert run("antiques", "list").err.startswith("No listings")
