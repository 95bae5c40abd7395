"""URLs of third parties: whether they may be shown, without trackers, and in a canonical form."""

from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from alya_mcp.net.public_addresses import is_public

_LONGEST = 2000
_TRACKING = frozenset(
    {
        *("gclid", "gclsrc", "dclid", "gbraid", "wbraid", "fbclid", "msclkid", "yclid", "twclid", "ttclid"),
        *("igshid", "igsh", "mc_cid", "mc_eid", "mkt_tok", "_ga", "_gl", "_hsenc", "_hsmi", "vero_id"),
        *("oly_enc_id", "oly_anon_id", "ref_src", "ref_url", "spm", "scid", "wickedid", "s_kwcid"),
    }
)
_INSIDE = (".local", ".localhost", ".internal", ".intranet", ".lan", ".home", ".corp", ".home.arpa", ".onion")


def shown(url: str) -> str | None:
    """`url` without trackers and fragment; None if it must not be shown.

    That is one that isn't http or https, holds a name or password, or leads to this machine or a private
    network by its name or literal address, also an address written as few know it (`0x7f.1`, `2130706433`).
    """
    parts = _parts(url)
    if parts is None:
        return None
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _tracks(pair[0])]
    same = len(kept) == len(parse_qsl(parts.query, keep_blank_values=True))
    query = parts.query if same else urlencode(kept)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def canonical(url: str) -> str:
    """A canonical form, equal for addresses of the same page: it ignores http or https, www, the host's case,
    trackers, the order of the query, the fragment and a trailing slash.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.").rstrip(".")
    port = "" if parts.port in {None, 80, 443} else f":{parts.port}"
    pairs = sorted(pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _tracks(pair[0]))
    path = quote(unquote(parts.path), safe="/").rstrip("/")
    return f"{host}{port}{path}?{urlencode(pairs)}".rstrip("?")


def _parts(url: str) -> SplitResult | None:
    if len(url) > _LONGEST or any(letter.isspace() or not letter.isprintable() for letter in url):
        return None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        fine = parts.port != 0 and parts.scheme in {"http", "https"} and "@" not in parts.netloc
    except ValueError:
        return None
    return parts if fine and _leads_outside(host) else None


def _leads_outside(host: str) -> bool:
    last = host.rpartition(".")[2]
    if ":" in host or last.isdecimal() or last.startswith("0x"):
        try:
            return is_public(ip_address(host.partition("%")[0]))
        except ValueError:
            return False
    return "." in host and not host.endswith(_INSIDE)


def _tracks(name: str) -> bool:
    return name.lower() in _TRACKING or name.lower().startswith("utm_")
