"""The HTTP client that every outside source is asked through.

A source's module, `tools/<family>/sources/<api>.py`, holds an API's request, the shape of its answer and how
long that stays fresh:

    from alya_mcp.settings.providers import SOURCES
    from alya_mcp.net.answers import Body, Fetched, Shape

    if TYPE_CHECKING:
        from alya_mcp.net.client import Http

    class Rate(Shape):
        symbol: str
        price: float

    async def rates(http: "Http") -> Fetched[list[Rate]]:
        return await http.get(
            SOURCES["bank"], "/v1/rates", {"base": "EUR"},
            read=_rates, fresh_for=60, stale_for=3600,
        )

    def _rates(body: Body) -> list[Rate]:
        return body.json_records(Rate)

A handler calls it with `context.hub.http`. The client does the rest: it keeps answers on disk and knows their
age, asks at most as often as the source allows, makes one request of identical ones, tries again where that
is safe, follows redirects to public addresses alone, and fails in words that name the source. `Fetched` says
whether the value is fresh, cached or stale, and how many records were left out. `answers.first_answer` asks
several sources in turn.

Add the API to the table in `alya_mcp.settings.providers`, which gives it its `ALYA_<KEY>_URL` variable and
hides its secrets, and a case to `tests/support/cases_*.py`: `tests/tools/test_bad_days.py` plays every
source its documented answer, another shape and odd records.
"""
