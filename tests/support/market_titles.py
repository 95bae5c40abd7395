"""Titles of markets as they are written, with their categories; written apart from the rules, after them."""

TITLES = """
wc_future|Will Brazil win the 2030 FIFA World Cup?
wc_future|World Cup 2026: Golden Boot winner
wc_future|Will Italy qualify for the 2026 World Cup?
wc_future|Will the USA reach the quarterfinals of the 2026 World Cup?
wc_future|2034 World Cup champion
wc_future|Which country will be eliminated first at the 2026 FIFA World Cup?
wc_future|2026 Dünya Kupası'nı Türkiye kazanır mı?
tail_safe_no|Will Jesus Christ return before 2027?
tail_safe_no|Will the US confirm that aliens exist in 2026?
tail_safe_no|Will a supervolcano erupt in 2026?
tail_safe_no|Will Bigfoot be found before GTA VI?
tail_safe_no|Will an asteroid strike Earth by December 31?
tail_safe_no|Will humans go extinct by 2030?
geopolitics|Will China invade Taiwan by end of 2026?
geopolitics|Russia x Ukraine ceasefire by March 31?
geopolitics|Will Israel strike Iran in December?
geopolitics|US x Venezuela military engagement by January 31?
geopolitics|Will Turkey leave NATO?
geopolitics|Will Russia capture Pokrovsk by November 30?
geopolitics|Israel x Hezbollah ceasefire cancelled?
geopolitics|Will India strike Pakistan before the next Avengers movie?
geopolitics|Will Iran withdraw from the NPT in 2026?
geopolitics|Israel, Suriye'ye saldıracak mı?
geopolitics|US forces enter Venezuela by March?
geopolitics|Nuclear weapon detonation by Russia in 2026?
geopolitics|Will Saudi Arabia normalize relations with Israel?
news_event|Will Trump say "crypto" during his speech?
news_event|What will Powell say during the December press conference?
news_event|Sam Altman out as OpenAI CEO before 2027?
news_event|Will Netanyahu resign by June 30?
news_event|Will the governor be indicted in 2026?
news_event|Will Elon Musk tweet 200-219 times this week?
news_event|Starmer out as Prime Minister by March?
news_event|Will Ghislaine Maxwell be pardoned?
news_event|Will the DOJ release the files by Friday?
news_event|Will Apple announce a foldable iPhone in September?
news_event|Will the mayor be acquitted?
news_event|Will Trump sign an executive order on AI by July?
news_event|Hegseth out as Secretary of Defense?
news_event|Will the former president be jailed before GTA VI?
news_event|Bakan istifa eder mi?
nba|Celtics vs. Knicks
nba|Will the Oklahoma City Thunder win the NBA Finals?
nba|NBA MVP 2026
nba|Lakers @ Nuggets: O/U 224.5
nhl|Bruins vs. Maple Leafs
nhl|Will the Edmonton Oilers win the 2026 Stanley Cup?
nhl|NHL: Hart Trophy winner
mlb|Yankees vs. Red Sox
mlb|Will the Los Angeles Dodgers win the World Series?
mlb|MLB: AL Cy Young winner
ufc|UFC 321: Aspinall vs. Gane
ufc|UFC Fight Night: Will the fight go the distance?
cs2_intraday|Counter-Strike: NAVI vs G2 (BO3)
cs2_intraday|CS2: Spirit vs MOUZ - Map 2 Winner
la_liga_singlematch|Real Madrid CF vs. FC Barcelona
la_liga_singlematch|Will Sevilla FC vs. Real Betis end in a draw?
uncategorized|Will the Democrats win the House in 2026?
uncategorized|Fed decreases interest rates by 25 bps after the March meeting?
uncategorized|Will Bitcoin hit $150k in 2026?
uncategorized|Chiefs vs. Bills
uncategorized|Will Sinner win Wimbledon 2026?
uncategorized|Will GTA VI be released before June 2026?
uncategorized|Highest temperature in London on May 3?
uncategorized|Will the new Taylor Swift album sell a million copies?
uncategorized|Arsenal vs. Chelsea
uncategorized|Ethereum above $4,000 on Friday?
uncategorized|Will Greta Gerwig win best director at the Oscars?
uncategorized|India vs. Pakistan: T20 World Cup
uncategorized|Will Avatar gross over $2b?
uncategorized|Largest company by market cap in June?
uncategorized|Will Verstappen win the drivers championship?
uncategorized|Presidential election winner 2028
uncategorized|Will inflation be above 3% in May?
uncategorized|WNBA: Aces vs. Liberty
uncategorized|Dota 2: Liquid vs Spirit
uncategorized|Will Real Madrid win the Champions League?
"""

HELD_OUT = [
    (title, category) for category, _, title in (line.partition("|") for line in TITLES.split("\n") if line)
]
