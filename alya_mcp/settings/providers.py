"""Every outside service that tools ask: where it answers, what it may be asked, and whose data it is.

A table and nothing else, so that the settings can name a variable per service without importing a tool. A
service is asked through `alya_mcp.net`.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An outside service.

    `key` is its name in variables and files, `title` the one that people read. `url` is the documented base
    address, to which documented paths are appended; empty when there is none but the user's own. `keys` are
    the environment variables of its secrets. `attribution` is what its licence asks to be said. `rate` is the
    most requests a second that this process sends it, `at_once` the most that are under way together.

    The others describe it in docs/configuration.md, in Markdown: `asked_by` who asks it, `about_keys` (and
    `page`, a page of docs/) what its secrets are, `unset` what its address is without one.
    """

    key: str
    title: str
    url: str
    keys: tuple[str, ...] = ()
    attribution: str | None = None
    rate: float = 5.0
    at_once: int = 4
    asked_by: str = ""
    about_keys: str = ""
    page: str | None = None
    unset: str | None = None

    @property
    def variable(self) -> str:
        """The environment variable that puts another address in the place of `url`."""
        return f"ALYA_{self.key.upper()}_URL"


def agent_card(url: str) -> Source:
    """The card of an agent that the user named in ALYA_A2A_AGENTS, at `url` itself."""
    return Source(key=f"agent:{url}", title=urlsplit(url).netloc[:60], url=url, rate=2.0, at_once=2)


_TABLE: Final = (
    Source(
        key="usgs",
        title="USGS",
        url="https://earthquake.usgs.gov",
        attribution="U.S. Geological Survey, public domain",
        asked_by="`alya_seismic_recent`, `alya_seismic_forecast`",
    ),
    Source(
        key="emsc",
        title="EMSC",
        url="https://www.seismicportal.eu",
        attribution="EMSC-CSEM, seismicportal.eu, CC BY 4.0",
        asked_by="`alya_seismic_recent`, `alya_seismic_forecast`",
    ),
    Source(
        key="gfz",
        title="GFZ",
        url="https://geofon.gfz.de",
        attribution="GEOFON, GFZ Helmholtz Centre for Geosciences, CC BY 4.0",
        asked_by="`alya_seismic_recent`",
    ),
    Source(
        key="met_norway",
        title="MET Norway",
        url="https://api.met.no",
        attribution="MET Norway, CC BY 4.0",
        asked_by="`alya_weather_now`, with `ALYA_CONTACT`",
    ),
    Source(
        key="open_meteo",
        title="Open-Meteo",
        url="https://api.open-meteo.com",
        attribution="Open-Meteo.com, CC BY 4.0; the free service is for non-commercial use",
        asked_by="`alya_weather_now`",
    ),
    Source(
        key="open_meteo_geocoding",
        title="Open-Meteo geocoding",
        url="https://geocoding-api.open-meteo.com",
        attribution="Open-Meteo.com and GeoNames, CC BY 4.0",
        asked_by="`alya_weather_now`",
    ),
    Source(
        key="polymarket_gamma",
        title="Polymarket",
        url="https://gamma-api.polymarket.com",
        attribution="Polymarket, public API",
        rate=10.0,
        asked_by="`polymarket_edge`, `polymarket_signals`",
    ),
    Source(
        key="polymarket_clob",
        title="Polymarket order books",
        url="https://clob.polymarket.com",
        attribution="Polymarket, public API",
        rate=100.0,
        at_once=16,
        asked_by="`polymarket_edge`",
    ),
    Source(
        key="polymarket_data",
        title="Polymarket leaderboard",
        url="https://data-api.polymarket.com",
        attribution="Polymarket, public API",
        rate=90.0,
        at_once=8,
        asked_by="`polymarket_top_traders`",
    ),
    Source(
        key="manifold",
        title="Manifold",
        url="https://api.manifold.markets",
        attribution="Manifold, public API; its money is play money",
        asked_by="`polymarket_edge`",
    ),
    Source(
        key="alpaca",
        title="Alpaca paper trading",
        url="https://paper-api.alpaca.markets",
        keys=(
            "ALYA_ALPACA_KEY_ID",
            "ALYA_ALPACA_SECRET_KEY",
            "APCA_API_KEY_ID",
            "APCA_API_SECRET_KEY",
        ),
        rate=10.0,
        asked_by="`alpaca_paper_status`, with its keys; no other host but this machine",
        about_keys="keys of an Alpaca **paper** account for `alpaca_paper_status`, under these names or "
        "Alpaca's own; without them it is simulated",
        page="tools/markets.md#alpaca_paper_status",
    ),
    Source(
        key="searxng",
        title="SearXNG",
        url="",
        asked_by="`web_search`: a SearXNG of yours that allows the `json` format",
    ),
    Source(
        key="brave",
        title="Brave Search",
        url="https://api.search.brave.com",
        keys=("ALYA_BRAVE_KEY",),
        asked_by="`web_search`, with `ALYA_BRAVE_KEY`",
        about_keys="a key of the Brave Search API, for `web_search`",
    ),
    Source(
        key="tavily",
        title="Tavily",
        url="https://api.tavily.com",
        keys=("ALYA_TAVILY_KEY",),
        asked_by="`web_search`",
        about_keys="a key of Tavily, for `web_search`; without one Tavily is asked without a key, which "
        "it allows a little",
    ),
    Source(
        key="mcp_registry",
        title="MCP Registry",
        url="https://registry.modelcontextprotocol.io",
        asked_by="`agent_registry`",
    ),
    Source(
        key="itunes",
        title="App Store",
        url="https://itunes.apple.com",
        attribution="Apple's iTunes Search API, to promote store content",
        at_once=2,
        asked_by="`alya_app_directory`",
    ),
    Source(
        key="snapcraft",
        title="Snap Store",
        url="https://api.snapcraft.io",
        asked_by="`alya_app_directory`",
    ),
    Source(
        key="hacker_news",
        title="Hacker News",
        url="https://hn.algolia.com",
        attribution="Hacker News, through the Algolia search API",
        rate=3.0,
        asked_by="`alya_demand_signals`",
    ),
    Source(
        key="reddit",
        title="Reddit",
        url="https://www.reddit.com",
        rate=3.0,
        at_once=2,
        asked_by="`alya_demand_signals`, without a token",
    ),
    Source(
        key="reddit_oauth",
        title="Reddit with a token",
        url="https://oauth.reddit.com",
        keys=("ALYA_REDDIT_TOKEN",),
        rate=3.0,
        at_once=2,
        asked_by="`alya_demand_signals`, with `ALYA_REDDIT_TOKEN`",
        about_keys="an OAuth token for Reddit, for `alya_demand_signals`; Reddit mostly refuses who has none",
    ),
    Source(
        key="stack_exchange",
        title="Stack Exchange",
        url="https://api.stackexchange.com",
        attribution="Stack Exchange and its authors, CC BY-SA 4.0; the link names the author",
        rate=3.0,
        at_once=1,
        asked_by="`alya_demand_signals`",
    ),
    Source(
        key="rxnorm",
        title="RxNorm",
        url="https://rxnav.nlm.nih.gov",
        attribution="RxNorm, U.S. National Library of Medicine, public domain",
        asked_by="`alya_drug_interactions` with `online`",
    ),
    Source(
        key="openfda",
        title="openFDA",
        url="https://api.fda.gov",
        attribution="openFDA, CC0; not to be relied on for medical care",
        rate=4.0,
        asked_by="`alya_drug_interactions` with `online`",
    ),
    Source(
        key="youtube",
        title="YouTube",
        url="https://www.googleapis.com",
        keys=("ALYA_YOUTUBE_KEY",),
        rate=20.0,
        asked_by="`youtube_find_opportunities`, `youtube_upload_video` (`/youtube/v3/...`, "
        "`/upload/youtube/v3/...`)",
        about_keys="a key of the YouTube Data API, for `youtube_find_opportunities`",
    ),
    Source(
        key="google_oauth",
        title="Google sign-in",
        url="https://oauth2.googleapis.com",
        keys=("ALYA_YOUTUBE_CLIENT_ID", "ALYA_YOUTUBE_CLIENT_SECRET"),
        asked_by="`alya-mcp youtube connect` and `disconnect`, uploads (`/device/code`, `/token`, `/revoke`)",
        about_keys='an OAuth client of the kind "TVs and Limited Input devices", for `alya-mcp youtube '
        "connect` and uploads",
        page="tools/youtube.md#connect-a-channel",
    ),
    Source(
        key="ebay",
        title="eBay",
        url="https://api.ebay.com",
        keys=("ALYA_EBAY_CLIENT_ID", "ALYA_EBAY_CLIENT_SECRET"),
        attribution="eBay Browse API",
        at_once=2,
        asked_by="`alya_antiques_undervalued`, with its keys",
        about_keys="an application's keys (production) from eBay's developer program, for "
        "`alya_antiques_undervalued`",
    ),
    Source(
        key="ecb",
        title="ECB",
        url="https://www.ecb.europa.eu",
        attribution="European Central Bank, euro foreign exchange reference rates",
        rate=1.0,
        at_once=1,
        asked_by="`alya_antiques_undervalued`, for listings in other currencies than USD",
    ),
    Source(
        key="a2a",
        title="the configured A2A agent",
        url="",
        keys=("ALYA_A2A_KEY",),
        asked_by="`alya_ask`: where an A2A agent takes JSON-RPC",
        about_keys="a bearer token for the agent at `ALYA_A2A_URL`",
    ),
    Source(
        key="llm",
        title="the configured language model",
        url="",
        keys=("ALYA_LLM_KEY",),
        asked_by="`web_search`, `alya_ask`, `alya_clone_chat`, with `ALYA_LLM_MODEL`",
        about_keys="the language model's key",
        unset="the kind's own",
    ),
)

SOURCES: Final = {source.key: source for source in _TABLE}
"""The services by their key."""
