"""Names of teams by league, as titles of markets write them: nicknames in small letters, without marks.

A name that several leagues share stands in each of them, so that a pair of names tells the league or shows
that it can't be told. Leagues that aren't a category are here for that.
"""

from typing import Final

LEAGUES: Final[dict[str, frozenset[str]]] = {
    "nba": frozenset({
        "hawks", "celtics", "nets", "hornets", "bulls", "cavaliers", "mavericks", "nuggets", "pistons",
        "warriors", "rockets", "pacers", "clippers", "lakers", "grizzlies", "heat", "bucks",
        "timberwolves", "pelicans", "knicks", "thunder", "magic", "76ers", "suns", "trail blazers",
        "kings", "spurs", "raptors", "jazz", "wizards",
    }),
    "nhl": frozenset({
        "ducks", "bruins", "sabres", "flames", "hurricanes", "blackhawks", "avalanche", "blue jackets",
        "stars", "red wings", "oilers", "panthers", "kings", "wild", "canadiens", "predators", "devils",
        "islanders", "rangers", "senators", "flyers", "penguins", "sharks", "kraken", "blues",
        "lightning", "maple leafs", "mammoth", "canucks", "golden knights", "capitals", "jets",
    }),
    "mlb": frozenset({
        "diamondbacks", "athletics", "braves", "orioles", "red sox", "cubs", "white sox", "reds",
        "guardians", "rockies", "tigers", "astros", "royals", "angels", "dodgers", "marlins", "brewers",
        "twins", "mets", "yankees", "phillies", "pirates", "padres", "giants", "mariners", "cardinals",
        "rays", "rangers", "blue jays", "nationals",
    }),
    "nfl": frozenset({
        "cardinals", "falcons", "ravens", "bills", "panthers", "bears", "bengals", "browns", "cowboys",
        "broncos", "lions", "packers", "texans", "colts", "jaguars", "chiefs", "raiders", "chargers",
        "rams", "dolphins", "vikings", "patriots", "saints", "giants", "jets", "eagles", "steelers",
        "49ers", "seahawks", "buccaneers", "titans", "commanders",
    }),
    "wnba": frozenset({
        "dream", "sky", "sun", "wings", "valkyries", "fever", "aces", "sparks", "lynx", "liberty",
        "mercury", "storm", "mystics", "tempo", "fire",
    }),
}  # fmt: skip

CITIES: Final = frozenset({
    "anaheim", "arizona", "atlanta", "baltimore", "boston", "brooklyn", "buffalo", "calgary", "carolina",
    "charlotte", "chicago", "cincinnati", "cleveland", "colorado", "columbus", "dallas", "denver", "detroit",
    "edmonton", "florida", "golden state", "green bay", "houston", "indiana", "indianapolis", "jacksonville",
    "kansas city", "la", "los angeles", "las vegas", "vegas", "memphis", "miami", "milwaukee", "minnesota",
    "montreal", "nashville", "new england", "new jersey", "new orleans", "new york", "ny", "oakland",
    "oklahoma city", "okc", "orlando", "ottawa", "philadelphia", "phoenix", "pittsburgh", "portland",
    "sacramento", "san antonio", "san diego", "san francisco", "san jose", "seattle", "st louis", "tampa bay",
    "tennessee", "texas", "toronto", "utah", "vancouver", "washington", "winnipeg",
})  # fmt: skip
"""Where teams of the American leagues play; their full name is a city and a nickname."""

LA_LIGA: Final = frozenset({
    "alaves", "athletic", "athletic bilbao", "athletic club", "atletico de madrid", "atletico madrid",
    "barcelona", "betis", "celta", "celta de vigo", "celta vigo", "club atletico de madrid",
    "deportivo alaves", "elche", "espanyol", "getafe", "girona", "levante", "mallorca", "osasuna",
    "rayo vallecano", "real betis", "real betis balompie", "real madrid", "real oviedo",
    "real sociedad", "real sociedad de futbol", "sevilla", "valencia", "villarreal",
})  # fmt: skip
"""Clubs of the last seasons of La Liga, as titles name them."""
