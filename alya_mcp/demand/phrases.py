"""The phrases, English and Turkish, that tell what a sentence asks for, and those that take it back. Pure.

All are matched against folded text: lower case, without marks, plain apostrophes.
"""

import re
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What somebody says, the strongest first."""

    AMOUNT = "amount"
    PAYS = "pays"
    WOULD_PAY = "would_pay"
    MISSES = "misses"
    ASKS = "asks"


_THING: Final = (
    r"(?:tools?|apps?|applications?|services?|software|saas|products?|programs?|plugins?"
    r"|extensions?|add-?ons?"
    r"|librar(?:y|ies)|packages?|platforms?|apis?|websites?|sites?|systems?|solutions?|options?"
    r"|alternatives?"
    r"|replacements?|equivalents?|devices?|gadgets?|clients?|editors?|bots?|scripts?|templates?"
    r"|integrations?"
    r"|features?|versions?|offerings?|vendors?|providers?|ways?|frameworks?|dashboards?|trackers?"
    r"|something)"
)
_WE: Final = (
    r"\b(?:i|we|my (?:\w+ )?(?:company|team|boss|employer|startup|agency|org|wife|husband|family"
    r"|firm|clients?)|our (?:\w+ )?(?:company|team|agency|org|firm|clinic|school|shop|office))"
)
_ADVERBS: Final = (
    r"(?:\W+(?:just|already|still|currently|now|really|definitely|absolutely|gladly|happily|easily"
    r"|even|actually|also|do|have|has|am|are|been|totally|probably|personally|certainly|both|all"
    r"|each|literally|honestly|always|usually|then|be|happy|willing|glad|ready|to|seriously"
    r"|instantly|immediately|readily|cheerfully|almost)){0,4}"
)
# What "pay" and "spend" go with when no product is paid for.
_ELSEWHERE: Final = (
    r"(?! (?:(?:much |more |close |closer |any |special |no |a lot of |enough )?attention|off\b"
    r"|respects?|dividends|tax|taxes|income tax|rent|the price"
    r"|the bills|my bills|bills|back|heed|homage|lip service|(?:our |my )?(?:employees|staff"
    r"|developers|engineers|people|workers|interns|contractors)\b|them\b|him\b|her\b"
    r"|someone\b|you\b|it forward|my way|(?:my |the |our )?mortgage|child support|in cash))"
)
_PERIOD: Final = (
    r"(?:\s?(?:/|per|a|an|each|every|for a|for)\s?(?:one )?(?:\d+ )?(?:months?|mo|years?|yr|weeks?"
    r"|days?|hours?|users?|seats?|licen[sc]e|copy|person|monthly|yearly|annum)\b|\s?(?:monthly"
    r"|yearly|annually|once|one-time|lifetime))?"
)
_NUMBER: Final = r"\d{1,3}(?:[.,\s]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"

AMOUNT: Final = re.compile(
    rf"(?:(?:us|ca|au)?[$€£₺]\s?(?:{_NUMBER})(?:\s?(?:k|m|grand)\b)?\+?(?:\s?-\s?[$€£₺]?\d+k?)?"
    rf"|\b(?:{_NUMBER})(?:\s?k)?\+?\s?(?:usd|us dollars|dollars?|bucks|quid|eur|euros?|gbp|pounds"
    rf"|tl|try|lira|dolar|avro|€|£|₺|\$)(?:[a-z']{{0,6}}\b|(?![a-z])))"
    rf"{_PERIOD}",
    re.IGNORECASE,
)
"""An amount of money as people write it, with its period; matched against the text as it stands."""

_MONEY: Final = (
    r"(?:money|cash|a fortune|thousands|hundreds(?! of hours)|good money|real money|serious money)"
)

HINT: Final = re.compile(
    r"pay|paid|spen[dt]|money|buy|subscri|budget|wish|if only|why|what|which|there's|there is"
    r"|there are|miss|can't find|"
    r"couldn't find|could not find|cannot find|haven't found|have not found|lack|someone|somebody"
    r"|would be|i'd|i would|love|need|want|looking for|in search of|searching for|"
    r"anyone|anybody|recommend|suggest|is there|are there|any \w+ (?:for|that)|costs|para|oder|odu"
    r"|verir|veriyor|harc|satin|abone|keske|yok|bulam|"
    r"ihtiyac|lazim|gerek|var mi|oner|tavsiye|ariyor|kullaniyorsunuz|eksik"
)
"""Every phrase below holds one of these; most sentences don't, and are passed over at once."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_PAYS: Final = _any(
    rf"{_WE}(?:'ve|'m|'re)?{_ADVERBS}\W+(?:pay|pays|paid|paying)\b{_ELSEWHERE}",
    (
        rf"{_WE}(?:'ve|'m|'re)?{_ADVERBS}\W+(?:spend|spends|spent|spending|burn"
        rf"|blow)\b.{{0,30}}(?:{_MONEY}|[$€£₺]\s?\d|\d\s?k?\s?(?:usd|dollars|bucks|euros?|eur|pounds))"
    ),
    (
        rf"\bcosts? (?:me|us) .{{0,20}}(?:{_MONEY}|[$€£₺]\s?\d|\d\s?k?\s?(?:usd|dollars|bucks|euros?"
        r"|eur|pounds))"
    ),
    rf"{_WE}(?:'ve|'m|'re)?{_ADVERBS}\W+(?:subscribed? to|bought|purchased)\b",
    (
        r"\b(?:tl|lira|dolar|euro|avro|para|ucret|abonelik)\w*\W.{0,30}\b(?:veriyor(?:um|uz)"
        r"|oduyor(?:um|uz)|harciyor(?:um|uz)|odedi[mk]|verdi[mk]|harcadi[mk]|gidiyor)\b"
    ),
    r"[$€₺].{0,30}\b(?:veriyor(?:um|uz)|oduyor(?:um|uz)|harciyor(?:um|uz)|odedi[mk]|verdi[mk])\b",
    r"\bparali (?:surumunu|uyeligi\w*|abonelig\w+) (?:kullaniyor|aldi)",
    r"\bsatin (?:aldi[mk]|aliyor(?:um|uz))\b",
)
_WOULD_PAY: Final = _any(
    (
        rf"{_WE}(?:'d|'ll| would| will| could)(?:'ve| have)?{_ADVERBS}\W+(?:pay|paid|buy|subscribe"
        rf"|shell out|fork over|drop|throw|hand over|spend|chip in)\b{_ELSEWHERE}"
    ),
    (
        r"\b(?:happy|glad|willing|ready|prepared|delighted) to (?:\w+ )?(?:pay|buy|spend|subscribe"
        rf"|shell out)\b{_ELSEWHERE}"
    ),
    r"\b(?:wouldn't|would not|don't|do not|won't) (?:even |really )?mind (?:pay|spend)ing\b",
    (
        r"\bwould (?:gladly|happily|definitely|absolutely|totally|easily|love to|even|certainly"
        rf"|instantly) (?:\w+ )?(?:pay|buy|spend)\b{_ELSEWHERE}"
    ),
    rf"^(?:would|will|gladly|happily|i)\W+(?:\w+ )?pay\b{_ELSEWHERE}",
    r"\btake my money\b",
    r"\b(?:shut up|where) .{0,20}(?:can|do) i (?:pay|buy|sign up)\b",
    r"\bworth paying (?:for|\$)",
    r"\b(?:have|got|has|had) (?:a |the |some )?budget (?:for|of|ready)\b",
    (
        r"\b(?:people|users?|companies|customers?|businesses|teams|they|everyone|many|plenty|lots"
        r"|developers|parents|teachers) (?:who )?(?:would|will|are willing to|are happy to"
        r"|are ready to)(?: \w+){0,2} pay\b"
    ),
    (
        r"\b(?:para|ucret|ucretini|parasini|parasi neyse|fiyati neyse|\d+\s?(?:tl|lira|dolar"
        r"|euro))\b.{0,25}\b(?:veri(?:rim|riz|rdim|rdik)|oder(?:im|iz|dim|dik)|harcar(?:im|iz|dim"
        r"|dik))\b"
    ),
    r"[$€₺].{0,25}\b(?:veri(?:rim|riz|rdim|rdik)|oder(?:im|iz|dim|dik))\b",
    r"\b(?:seve seve|memnuniyetle|hic dusunmeden|gozum kapali)\b.{0,25}\b(?:oder|verir|satin al|alir)\w*",
    r"\b(?:odemeye|para vermeye|satin almaya|ucret odemeye|odeme yapmaya) (?:hazir|razi)",
    r"\bsatin alir(?:im|iz|dim|dik)\b|\babone olur(?:um|uz|dum|duk)\b",
    r"\bparasi neyse\b",
)
_MISSES: Final = _any(
    (
        r"\b(?:i|we)(?: \w+)? wish (?!(?:you|him|her|them all|everyone|i (?:had known|knew"
        r"|had(?: never|n't)|were|was|could agree))\b)(?!(?:them|it) (?:luck|well|the best))"
    ),
    r"^wish (?:there|i could|i had|it (?:had|was|were|could|did|would|supported)|this|someone|they)\b",
    r"\bif only (?:there|it|they|someone|this|i could|we could)\b",
    (
        r"\bwhy (?:is|isn't|are|aren't) (?:there|(?:\w+ )?nobody|no one)\b(?! (?:so"
        r"|such))(?! (?:a )?(?:reason|point|need))"
    ),
    r"\bwhy (?:does|has|is) (?:nobody|no one|noone)\b",
    (
        rf"\bthere(?:'s| is| are|'re| isn't| aren't)(?: \w+){{0,2}}? (?:no|any|nothing|still no"
        rf"|not a single|not an?|a)(?: \w+){{0,3}}? {_THING}\b(?=.{{0,40}}\b(?:for|to|that|which|with"
        r"|out there|yet|on the market|like|in|available)\b)(?<!there is a)"
    ),
    (
        r"\b(?:i|we)(?:'m| am|'re| are)? (?:really |sorely |still )?miss(?:ing)? (?:a|an|the|any|some"
        r"|having|is)\b(?! (?:point|days|old days|joke|mark|boat|deadline|part where|good old))"
    ),
    (
        r"\b(?:only|one|biggest|main|big) thing (?:\w+ ){0,3}(?:missing|lacking|i miss|we miss)\b"
        r"|\bwhat(?:'s| is) (?:really )?missing is\b"
    ),
    (
        r"\b(?:i|we)(?:'ve| have)? (?:still |really )?(?:can't|cannot|couldn't|could not|haven't"
        r"|have not|never|can never|been unable to|am unable to|struggle to"
        r"|struggling to)(?: \w+)? (?:find|found) (?:a|an|any|anything|one|something|good|decent"
        r"|software|tools?)\b"
    ),
    (
        r"\b(?:unable to|hard to|impossible to|struggling to|failed to) find (?:a|an|any"
        r"|anything)\b(?=.{0,40}\b(?:that|for|with|to|which)\b)"
    ),
    (
        r"\b(?:someone|somebody|anyone) (?:should|please|needs to|has to|ought to|really should"
        r"|could) (?:\w+ )?(?:build|make|create|write|develop|invent|solve|fix|start)\b"
    ),
    (
        r"\b(?:it |that |this )?(?:would|'d) (?:be|have been) (?:so |really |very |super "
        r"|pretty )?(?:nice|great|awesome|amazing|cool|useful|helpful|fantastic|wonderful|lovely|handy"
        r"|perfect) (?:if (?:there|it|this|they|you|someone)|to (?:have|see|get)|to be able)\b"
    ),
    (
        r"\b(?:i|we)(?:'d| would)(?: really| absolutely)? (?:love|kill|like|die) (?:for )?(?:a|an"
        r"|to have|to see|if|something|some|it if|for) "
    ),
    r"\bwould kill for\b|\bwould love (?:a|an|to have|to see (?:a|an)|if (?:there|this|it))\b",
    rf"\b(?:i|we)(?: \w+)? (?:need|want)(?: \w+){{0,4}} {_THING} (?:that|which|to|for|like|where|with)\b",
    r"\ball (?:i|we) want is\b",
    r"\bdesperately need\b",
    r"\blacks? (?:a|an|any|proper|decent|basic|good|support for)\b",
    r"\bkeske\b.{0,120}(?:s[ae]|s[ae]ydi|s[ae]m|s[ae]k|s[ae]lar|s[ae]ler|s[ae]ydim|s[ae]ydik)\b",
    r"\b(?:neden|niye|nicin)\b.{0,80}\byok\b",
    (
        r"\b(?:dogru duzgun|duzgun|iyi|kaliteli|kullanisli|guvenilir|ucuz|uygun fiyatli|yerli"
        r"|turkce)\b(?: \w+){0,4} (?:yok|bulam\w+|bulunmuyor)\b"
    ),
    r"\bbulamadi[mk]\b|\bbulamiyor(?:um|uz)\b|\bbulamadim\b",
    (
        r"\b(?:uygulama|program|arac|site|yazilim|servis|hizmet|cozum|sistem|eklenti|cihaz"
        r"|urun)\w*(?: \w+){0,2} (?:lazim|gerek|gerekiyor|ihtiyac\w*)\b"
    ),
    (
        r"\bihtiyac(?:im|imiz) var\b|\beksikligini\b|\bbiri(?:si|leri)? (?:sunu|bunu"
        r"|artik)? ?(?:yapsin|yapsa|gelistirsin)\b"
    ),
)
_HIRING: Final = (
    r"(?:(?:\w+[ -]){0,5}(?:jobs?|role|work|position|internship|engineers?|developers?|devs?"
    r"|designers?|co-?founders?|candidates|employment|contractors?|interns?|roommate|girlfriend"
    r"|boyfriend|teammates?|colleagues|trouble|excuses?|patterns? in|fights?)\b)"
)
_ASKS: Final = _any(
    (
        r"\b(?:is|are|was) there (?:already |currently |even |really |maybe |possibly )?(?:a|an|any"
        r"|some|something|anything|anywhere)\b(?! (?:reasons?|points?|chance|evidence|difference|need"
        rf"|limit|proof|update on|news|consensus))(?=.{{0,80}}\b(?:that|which|to|for|like|where|with"
        rf"|similar|instead)\b|.{{0,60}}\b{_THING}\b)"
    ),
    (
        r"\b(?:does|do|did|has|can|could|would) (?:anyone|anybody|any of you|someone|somebody|you guys"
        r"|you|y'all|anyone here|folks)(?: \w+){0,3} (?:know|recommend|suggest|have (?:a|any)|aware"
        r"|point me|found|find|used?|using)\b(?! (?:what|why|when|if|whether|that|each other|this"
        r"|the))(?=.{0,60}\b(?:of|a|an|any|good|better|something|anything|for)\b)"
    ),
    (
        r"\b(?:anyone|anybody)(?: here| else)? (?:know|knows|have|has|got|recommend|found|using"
        r"|aware)\b(?: of)?(?! (?:what|why|when|if|whether|that))"
    ),
    (
        r"\b(?:any|your) (?:\w+ )?(?:recommendations?|suggestions?|recs"
        r"|alternatives?)\b(?=.{0,40}(?:for|to|on|\?))"
    ),
    rf"\bany (?:\w+ ){{1,3}}?{_THING} (?:that|for|to|which|with|out there|like)\b(?=.*\?)",
    (
        r"\b(?:i|we|am|are|'m|'re|been|currently|still|also|^)\W*(?:\w+ )?(?:looking|searching|hunting"
        rf"|on the lookout) for (?!{_HIRING})(?!(?:my|your|his|her|their|it|them|him|this|that)\b)(?:a"
        r"|an|any|some|something|anything|\w+)"
    ),
    rf"\b(?:i'm |i am |we're |we are )?in search of (?!{_HIRING})(?:a|an|some)",
    (
        r"\bwhat (?:do|does|are|is|would|did) (?:you|you guys|you all|everyone|people|folks|others"
        r"|y'all|everybody)(?: \w+){0,2} (?:use|using|recommend|suggest)\b"
    ),
    (
        r"\b(?:what|which)(?:'s| is| are)? (?:the |your )?(?:best|go-?to|favou?rite|easiest|cheapest"
        rf"|good|recommended)\b(?: \w+){{0,4}} (?:{_THING}|for|to)\b.*\?"
    ),
    (
        r"\b(?:please|can you|could you) (?:recommend|suggest)\b|\brecommend (?:me|us) (?:a|an|some"
        r"|something)\b|\bneed (?:a |some |your )?(?:recommendations?|suggestions?)\b"
    ),
    r"\b(?:how|where) (?:can|do|could) (?:i|we) (?:find|get|buy) (?:a|an|some|something)\b.*\?",
    r"\bvar mi(?:dir|ydi)?\b(?<!sebebi var mi)(?<!nedeni var mi)(?<!farki var mi)(?<!anlami var mi)",
    (
        r"\b(?:oneri|tavsiye)(?:niz|leriniz|n|si)?\b.{0,40}\b(?:var|olan|lutfen|bekliyor\w*"
        r"|alabilir\w*|ister\w*|lazim)\b|\bonerir misiniz\b|\bonerebilir(?: misiniz|seniz)?\b"
        r"|\btavsiye eder(?: misiniz| misin)?\b|\bne(?:yi)? onerirsiniz\b"
    ),
    r"\b(?:ne|hangi)\w*(?: \w+){0,2} kullaniyorsunuz\b",
    (
        r"\b(?<!is )(?<!eleman )(?<!yazilimci )(?<!gelistirici )(?<!muhendis )(?<!stajyer )"
        r"(?<!arkadasi )(?<!sevgili )ariyor(?:um"
        r"|uz|dum)\b"
    ),
)

PHRASES: Final = (
    (Kind.PAYS, _PAYS),
    (Kind.WOULD_PAY, _WOULD_PAY),
    (Kind.MISSES, _MISSES),
    (Kind.ASKS, _ASKS),
)
"""What makes a sentence of a kind, the strongest first; AMOUNT is either of the first two with an amount."""

NEGATED: Final = _any(
    (
        r"\b(?:wouldn't|would not|won't|will not|don't|do not|didn't|did not|never|not|can't|cannot"
        r"|haven't|isn't|ain't|nobody|no one|noone|hardly|refuse to|stopped|without|rather not"
        r"|no longer|cancell?ed|can't justify|quit|hate|instead of|why would (?:i|we|anyone|anybody)"
        r"|who would|not going to)(?: (?:ever|be|have|really|want|going|gonna|to|even|willing|happy"
        r"|ready|find it|worth|would|see myself|i'd|i|we)){0,5} (?:pay|pays|paid|paying|buy|buying"
        r"|bought|spend|spending|subscribe|subscribing|worth paying)\b"
    ),
    (
        r"\b(?:para|ucret|para bile|kurus|bes kurus)\b.{0,20}\b(?:verme(?:m|z|yiz|zdim|zdik)|odeme(?:m"
        r"|yiz|zdim|zdik)|vermiyor\w*|odemiyor\w*|harcamam|harcamiyor\w*|verilmez|vermeye degmez)\b"
    ),
    r"\b(?:satin almam|satin almiyor\w*|odemem|odemezdim)\b",
    r"\bkim para verir\b|\bneden para (?:vereyim|odeyeyim)\b|\bpara verecek (?:degilim|kadar)\b",
    r"[$€£₺]\s?0\b(?![.,]\d)",
)
"""The speaker doesn't pay, or wouldn't."""

ASKS_OTHERS: Final = _any(
    (
        r"\b(?:would|will|do|are|could|did|if) (?:you|anyone|anybody|people|users?|someone|y'all"
        r"|customers|they|businesses|devs|developers)(?: \w+){0,4} (?:pay|buy|paying|spend)\b.*\?"
    ),
    r"\bhow much (?:would|do|did|are|will) (?:you|people|users|y'all|they)\b",
    r"\bpara verir mi(?:siniz|ydiniz|sin)\b|\bkac (?:para|tl|lira) (?:verir|oder)\w*\b",
)
"""A question to others about what they would pay, as makers of products ask."""

THIRD_PERSON: Final = _any(
    (
        r"\b(?:people|users?|companies|customers?|businesses|teams|they|everyone|many|plenty|lots"
        r"|developers|parents|teachers)(?: who)? (?:would|will|are|happily|gladly)(?: \w+){0,3} (?:pay"
        r"|spend|buy|paying)\b"
    ),
)
"""Somebody says it of others."""

SARCASTIC: Final = re.compile(
    r"(?:^|\s)/s\b|\byeah,? right\b|\bsaid no ?(?:one|body) ever\b|\boh (?:great|sure|joy|yeah)\b"
    r"|\bas if\b(?=.*[!.]$)|\blol\b|\blmao\b|\brofl\b|\bwhat could (?:possibly )?go wrong\b"
    r"|\bhaha\w*|\bkidding\b|\bjust what (?:i|we|the world) needed\b|\btotally not\b|\bsurely\b.*!"
    r"|\btabii? canim\b|\bsaka bir yana\b|\bsaka saka\b|\bne guzel(?: dimi| degil mi)|\blan\b.*:d"
    r"|[😂🤣🙄]"
)
"""Marks of irony."""

PROMOTES: Final = re.compile(
    r"\b(?:i|we)(?:'ve| have| just|'m| am|'re| are)?(?: \w+){0,2} (?:built|launched|released"
    r"|founded|am building|are building|building|created|developed|made)\b(?! (?:up my|sure"
    r"|a mistake|it clear|the switch))"
    r"|\b(?:my|our) (?:new )?(?:startup|saas|product|app|tool|side[- ]project|project|platform"
    r"|website|service|extension|plugin)\b(?=.{0,60}\b(?:is|does|can|lets|helps|offers|solves"
    r"|launched|that|has|costs|starts)\b)"
    r"|\bcheck (?:it |us |me )?out\b|\b(?:use|with) (?:the |my )?(?:promo |discount "
    r"|coupon )?code\b|\bdisclaimer\b|\bdisclosure\b|\bfull disclosure\b|\bsign up (?:at|for|on"
    r"|here)\b|\b(?:dm|pm) me\b|\bfree trial\b"
    r"|\bi work (?:for|at|on)\b|\baffiliate\b|\breferral\b|\bjoin (?:the|our) (?:waitlist|beta)\b"
    r"|\bshow hn\b|\blaunch hn\b"
    r"|\b(?:yaptigim|gelistirdigim|kurdugum|cikardigimiz|gelistirdigimiz) (?:\w+ )?(?:uygulama"
    r"|site|program|arac|urun|yazilim|proje)|\bindirim kodu\b|\buygulamamizi\b|\burunumuz\w*"
)
"""The speaker offers something."""
