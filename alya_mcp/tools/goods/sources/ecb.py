"""The euro reference rates of the European Central Bank, of the last working day.

https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/: XML with a line
`<Cube currency='USD' rate='1.1600'/>` per currency, below one with the date; published around 16:00 CET.
"""

import re
from typing import TYPE_CHECKING, Final

from alya_mcp.net.answers import Body, ChangedShape, Fetched, Shape
from alya_mcp.settings.providers import SOURCES

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

ECB: Final = SOURCES["ecb"]
_DATE: Final = re.compile(r"""<Cube\s+time=['"](\d{4}-\d{2}-\d{2})['"]""")
_RATE: Final = re.compile(r"""<Cube\s+currency=['"]([A-Z]{3})['"]\s+rate=['"]([0-9.]{1,20})['"]""")


class Rates(Shape):
    """USD for one unit of each currency, by its code, of a day (`date`, ISO 8601)."""

    date: str
    usd: dict[str, float]

    @property
    def name(self) -> str:
        """What such a rate is called."""
        return f"ECB reference rate of {self.date}"


async def rates(http: "Http") -> Fetched[Rates]:
    """The newest rates; kept ones stand in for a week."""
    return await http.get(
        ECB,
        "/stats/eurofxref/eurofxref-daily.xml",
        read=_read,
        accept="application/xml, text/xml",
        fresh_for=6 * 3600,
        stale_for=7 * 86_400,
        deadline=6,
    )


def _read(body: Body) -> Rates:
    text = body.text()
    date = _DATE.search(text)
    euro = {code: float(rate) for code, rate in _RATE.findall(text) if float(rate) > 0}
    if date is None or "USD" not in euro:
        raise ChangedShape(ECB, "changed its shape: there is no date or no rate of the dollar")
    dollar = euro["USD"]
    return Rates(date=date[1], usd={"EUR": dollar, **{code: dollar / rate for code, rate in euro.items()}})
