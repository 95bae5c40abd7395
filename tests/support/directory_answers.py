"""Documented answers of directories and agents, made up by hand."""

from typing import Any

OFFICIAL = "io.modelcontextprotocol.registry/official"


def server(name: str = "io.github.someone/weather", status: str = "active", **more: Any) -> dict[str, Any]:
    """https://github.com/modelcontextprotocol/registry, docs/reference/api/openapi.yaml."""
    return {
        "server": {
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": name,
            "description": "Weather of any place",
            "version": "1.2.0",
            "packages": [{"registryType": "npm", "identifier": "@someone/weather", "version": "1.2.0"}],
            "remotes": [
                {"type": "streamable-http", "url": "https://weather.example/mcp"},
                {"type": "sse", "url": "http://127.0.0.1:9/sse"},
            ],
            **more,
        },
        "_meta": {OFFICIAL: {"status": status, "publishedAt": "2026-01-01T00:00:00Z", "isLatest": True}},
    }


def servers(*entries: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"count": len(entries)}
    return {"servers": list(entries), "metadata": metadata | ({"nextCursor": cursor} if cursor else {})}


CARD_1_0: dict[str, Any] = {
    "name": "Deprem Uzmanı",
    "description": "Answers questions about earthquakes",
    "version": "2.0.0",
    "supportedInterfaces": [
        {"url": "https://quakes.example/a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        {"url": "https://quakes.example/rest", "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
    ],
    "provider": {"url": "https://quakes.example", "organization": "Quakes"},
    "capabilities": {"streaming": False},
    "defaultInputModes": ["text/plain"],
    "defaultOutputModes": ["text/plain"],
    "documentationUrl": "https://quakes.example/docs",
    "skills": [{"id": "ask", "name": "Ask", "description": "Ask about an earthquake", "tags": ["quake"]}],
}
"""https://a2a-protocol.org/v1.0.0/specification/"""

CARD_0_3: dict[str, Any] = {
    "protocolVersion": "0.3.0",
    "name": "Old Agent",
    "description": "Speaks the older protocol",
    "url": "https://old.example/a2a",
    "preferredTransport": "JSONRPC",
    "additionalInterfaces": [{"url": "https://old.example/grpc", "transport": "GRPC"}],
    "version": "0.9",
    "capabilities": {},
    "defaultInputModes": ["text"],
    "defaultOutputModes": ["text"],
    "skills": [{"id": "x", "name": "Translate", "description": "Translates text", "tags": []}],
}


def itunes(*apps: dict[str, Any]) -> dict[str, Any]:
    return {"resultCount": len(apps), "results": list(apps)}


def app(name: str = "Payroll Pro", track: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "wrapperType": "software",
        "kind": "software",
        "trackId": track,
        "trackName": name,
        "artistName": "Someone",
        "sellerName": "Someone Ltd.",
        "primaryGenreName": "Business",
        "genres": ["Business", "Finance"],
        "price": 4.99,
        "formattedPrice": "$4.99",
        "currency": "USD",
        "averageUserRating": 4.5,
        "userRatingCount": 1000,
        "trackViewUrl": f"https://apps.apple.com/us/app/x/id{track}?uo=4",
        "description": "Payroll for your employees. " + "More words. " * 60,
        **more,
    }


def snaps(*results: dict[str, Any]) -> dict[str, Any]:
    """https://api.snapcraft.io/docs/search.html"""
    return {"results": list(results)}


def snap(name: str = "invoice-tool", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "snap-id": "x",
        "snap": {
            "title": "Invoice Tool",
            "summary": "Invoices for small business",
            "description": "Writes invoices.",
            "publisher": {"display-name": "Open People", "username": "open", "validation": "unproven"},
            "categories": [{"featured": False, "name": "finance"}],
            "prices": {},
            **more,
        },
    }
