"""Documented answers of search engines and language models, made up by hand."""

from typing import Any

ISTANBUL = "İstanbul'un nüfusu 2025 sonunda 15.754.053 kişidir. Kent Türkiye'nin en kalabalık şehridir."
BRIDGE = "The Bosphorus Bridge opened on 30 October 1973. It connects two continents."


def result(
    url: str = "https://www.example.org/istanbul", title: str = "İstanbul", text: str = ISTANBUL, **more: Any
) -> dict[str, Any]:
    return {"url": url, "title": title, "text": text, **more}


BOTH = (
    result(),
    result("https://example.net/bridge", "Bosphorus Bridge", BRIDGE, date="2026-05-01T10:00:00"),
)


def searxng(*results: dict[str, Any], unresponsive: list[list[str]] | None = None) -> dict[str, Any]:
    """https://docs.searxng.org/dev/search_api.html, written by hand."""
    return {
        "query": "q",
        "number_of_results": 0,
        "results": [
            {
                "title": each["title"],
                "url": each["url"],
                "content": each["text"],
                "engine": "brave",
                "engines": ["brave"],
                "score": each.get("score", 1.0),
                "category": "general",
                "publishedDate": each.get("date"),
            }
            for each in results
        ],
        "answers": [],
        "suggestions": [],
        "unresponsive_engines": unresponsive or [],
    }


def brave(*results: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "search",
        "query": {"original": "q", "more_results_available": False},
        "web": {
            "type": "search",
            "results": [
                {
                    "type": "search_result",
                    "title": each["title"],
                    "url": each["url"],
                    "description": each["text"],
                    "page_age": each.get("date"),
                    "family_friendly": True,
                }
                for each in results
            ],
        },
    }


def tavily(*results: dict[str, Any]) -> dict[str, Any]:
    return {
        "query": "q",
        "answer": None,
        "images": [],
        "results": [
            {
                "title": each["title"],
                "url": each["url"],
                "content": each["text"],
                "score": 0.9,
                "raw_content": None,
            }
            for each in results
        ],
        "response_time": 1.1,
    }


def openai(text: str, finish: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": {}}


def anthropic(text: str, stop: str = "end_turn") -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"id": "m", "type": "message", "role": "assistant", "content": content, "stop_reason": stop}


def ollama(text: str, done: str = "stop") -> dict[str, Any]:
    return {
        "model": "m",
        "message": {"role": "assistant", "content": text},
        "done": True,
        "done_reason": done,
    }
