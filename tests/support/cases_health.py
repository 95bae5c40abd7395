"""Sources about drugs, for the tests that every source has to pass."""

from typing import Any

from source_case import SourceCase

from alya_mcp.net.client import Http
from alya_mcp.tools.health.sources import openfda, rxnorm

IDS = {"idGroup": {"name": "Jantoven", "rxnormId": ["405155"]}}
RELATED = {
    "relatedGroup": {
        "rxcui": "405155",
        "termType": ["IN"],
        "conceptGroup": [
            {
                "tty": "IN",
                "conceptProperties": [{"rxcui": "11289", "name": "warfarin", "synonym": "", "tty": "IN"}],
            }
        ],
    }
}
LABEL = {
    "meta": {"results": {"skip": 0, "limit": 1, "total": 1}},
    "results": [
        {
            "set_id": "0cbce382-9c88-4f58-ae0f-532a841e8f95",
            "effective_time": "20260101",
            "drug_interactions": ["7 DRUG INTERACTIONS. Ibuprofen taken with it makes bleeding more likely."],
            "openfda": {"generic_name": ["WARFARIN SODIUM"]},
        }
    ],
}
LABEL_PATH, RELATED_PATH = "/drug/label.json", "/REST/rxcui/405155/related.json"


async def ask_rxnorm(http: Http) -> Any:
    return await rxnorm.ingredients(http, "Jantoven")


async def ask_openfda(http: Http) -> Any:
    return await openfda.label(http, "warfarin")


def is_warfarin(value: list[str]) -> None:
    assert value == ["warfarin"]


def is_a_label(value: openfda.Label | None) -> None:
    assert value is not None
    assert value.set_id
    assert any("bleeding" in text for text in value.texts)


CASES = [
    SourceCase(
        name="RxNorm",
        source=rxnorm.RXNORM,
        ask=ask_rxnorm,
        answers={"/REST/rxcui.json": IDS, RELATED_PATH: RELATED},
        right=is_warfarin,
        old=40 * 86_400.0,
    ),
    SourceCase(
        name="openFDA",
        source=openfda.OPENFDA,
        ask=ask_openfda,
        answers={LABEL_PATH: LABEL},
        right=is_a_label,
        old=10 * 86_400.0,
    ),
]
