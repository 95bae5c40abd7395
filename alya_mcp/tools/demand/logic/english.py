"""Patterns of English sentences that express demand, or deny it, on folded text."""

from typing import Final

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
    r"\b(?:i|we|my (?:\w+ )?(?:company|team|boss|employer|startup|agency|org|wife|husband|partner"
    r"|family|dad|mom|mum|father|mother|parents|kids|son|daughter|brother|sister"
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
    r"|someone\b|you\b|us\b|me\b|it forward|my way|(?:my |the |our )?mortgage|child support|in cash"
    r"|(?:(?:my|our|the|their|his|her) )?(?:invoices?|suppliers?|debts?|wages?|salar(?:y|ies)|fines?|vat|duty"
    r"|duties|customs|tuition|alimony|ransom)\b|(?:[\w-]+ ){0,4}less\b|by the (?:hour|quarter|day|week)\b"
    r"|\S+ (?:cents?|pence|p|c)? ?(?:a|an|per) (?:kilowatt|kwh|litre|liter|gallon|therm|mile|kilo)))"
)
# A word that leaves open whether somebody pays.
_ANY: Final = (
    r"(?!(?:not|never|have|need|say|think|guess|you|they|he|she|people|users|who|if|but|like|love|want"
    r"|see)\b)"
    r"\w+"
)
_MONEY: Final = (
    r"(?:money|cash|a fortune|thousands|hundreds(?! of hours)|good money|real money|serious money)"
)
_HIRING: Final = (
    r"(?:(?:\w+[ -]){0,5}(?:jobs?|role|work|position|internship|engineers?|developers?|devs?"
    r"|designers?|co-?founders?|candidates|employment|contractors?|interns?|roommate|girlfriend"
    r"|boyfriend|teammates?|colleagues|feedback|testers?|users?|customers?|people|funding"
    r"|comments|input|volunteers|contributors|trouble|excuses?|patterns? in|fights?)\b)"
)

PAYS: Final = (
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
    rf"{_WE}{_ADVERBS}\W+(?:end up|ended up|wound up|keep|kept|started|resorted to) paying\b{_ELSEWHERE}",
    (
        rf"{_WE}(?:'ve|'m|'re)?{_ADVERBS}\W+(?:throw|thrown|throwing|shell|shelled|shelling|fork"
        r"|forked|forking"
        r"|dropped|dropping)\b.{0,40}[$€£₺]\s?\d"
    ),
)
"""The speaker pays, or has paid."""

WOULD_PAY: Final = (
    (
        rf"{_WE}(?:'d|'ll| would| will| could)(?:'ve| have)?{_ADVERBS}\W+(?:pay|paid|buy|subscribe"
        rf"|shell out|fork (?:over|out)|drop|throw|hand over|spend|chip in)\b{_ELSEWHERE}"
    ),
    (
        r"\b(?:happy|glad|willing|ready|prepared|delighted) to (?:\w+ )?(?:pay|buy|spend|subscribe"
        rf"|shell out)\b{_ELSEWHERE}"
    ),
    r"\b(?:wouldn't|would not|don't|do not|won't) (?:even |really )?mind (?:pay|spend)ing\b",
    r"\b(?:no|zero) (?:problem|problems|issue|issues|qualms|trouble) (?:with )?paying\b",
    r"\b(?:wouldn't|would not|won't) (?:even )?(?:hesitate|think twice) to (?:pay|buy)\b",
    rf"{_WE}(?:'d|'ll| would)(?: {_ANY}){{1,4}}? (?:pay|buy|subscribe)\b{_ELSEWHERE}",
    (
        r"\bwould (?:gladly|happily|definitely|absolutely|totally|easily|love to|even|certainly"
        rf"|instantly) (?:\w+ )?(?:pay|buy|spend)\b{_ELSEWHERE}"
    ),
    rf"^(?:would|will|gladly|happily|i)\W+(?:\w+ )?pay\b{_ELSEWHERE}",
    r"\btake my money\b",
    (
        rf"{_WE}(?:'d|'ll| would| will){_ADVERBS}\W+(?:(?:pre-?)?order|sign up|have (?:one|two) in (?:my|the)"
        r" (?:basket|cart))\b(?=\W*$|.{0,20}\b(?:today|tomorrow|tonight|at once|now|already|right"
        r" away|straight away"
        r"|immediately)\b|.{0,10}\b(?:one|two|several)\W*$)"
    ),
    (
        r"\b(?:whoever|anyone who|anybody who|the first (?:one )?(?:who|to)|if)\b.{0,90}\b(?:gets?"
        r"|has|have|takes?) "
        r"(?:all )?(?:my|our) (?:money|cash|subscription|business|custom)\b(?! (?:card|partner|plan))"
    ),
    r"\b(?:my|our) (?:money|wallet|cash) is (?:already |right )?(?:open|ready|waiting|yours|on the table)\b",
    r"\bhere(?:'s| is) my (?:money|wallet|(?:credit )?card|cash)\W*$",
    (
        r"\b(?:i'm|i am|i'll be|i will be|i'd be|we'd be) (?:a paying|your first|the first)"
        r" (?:customer|buyer|subscriber)\b"
    ),
    r"\bname your price\b|, any price\W*$|\b(?:money|price|cost)(?:'s| is) no object\b",
    r"\b(?:have|has|got|had) (?:the )?approval to (?:spend|buy|pay)\b",
    (
        r"\b(?:have|has|got|had) (?:the )?(?:money|funds|funding) for (?:an? )?(?:[\w-]+"
        rf" ){{0,3}}(?:{_THING}|that|which)\b"
    ),
    (
        r"\b(?:please|someone|somebody|anyone|anybody|(?:will|can|could) (?:someone|you))(?:,|"
        r" please)? sell (?:me|us) "
        r"(?:a|an|one|some|something)\b"
    ),
    (
        r"\bwould be (?:bought by|worth (?:\S+ ){1,5}to) (?:me|us)\b|\bwould sell to (?:me|us)\b"
        r"|\bwould get (?:my|our) (?:\w+ )?(?:fee|money|cash|order|business)\b"
    ),
    (
        rf"\b(?:happily|gladly) (?:cancel|drop|ditch|give up) .{{0,40}}\bfor (?:a|an|one|something)(?:"
        rf" [\w-]+){{0,3}}"
        rf" (?:{_THING}|that|which)\b"
    ),
    r"\b(?:shut up|where) .{0,20}(?:can|do) i (?:pay|buy|sign up)\b",
    r"\bworth paying (?:for|\$)",
    r"\b(?:have|got|has|had) (?:a |the |some )?budget (?:for|of|ready)\b",
    (
        r"\b(?:people|users?|companies|customers?|businesses|teams|they|everyone|many|plenty|lots"
        r"|developers|parents|teachers) (?:who )?(?:would|will|are willing to|are happy to"
        r"|are ready to)(?: \w+){0,2} pay\b"
    ),
)
"""The speaker would pay, or says that others would."""

MISSES: Final = (
    (
        r"\b(?:wonder|wondering|ask|asking) (?:if|whether) .{0,80}\b(?:consider|add|adding|support"
        r"|implement|offer"
        r"|feature request)\b"
    ),
    r"\b(?:feature request|request for a feature)\b.{0,60}\b(?:for|to|that)\b",
    (
        r"\b(?:i|we)(?: \w+)? wish (?!(?:you|him|her|them all|everyone|i (?:had known|knew"
        r"|had(?: never|n't)|were|was|could agree))\b)(?!(?:them|it) (?:luck|well|the best))"
    ),
    r"^wish (?:there|i could|i had|it (?:had|was|were|could|did|would|supported)|this|someone|they)\b",
    r"\bif only (?:there|it|they|you|someone|this|the|my|i could|we could)\b",
    (
        r"\bwhy (?:is|isn't|are|aren't) (?:there|(?:\w+ )?nobody|no one)\b(?! (?:so"
        r"|such))(?! (?:a )?(?:reason|point|need))"
    ),
    r"\bwhy (?:does|has|is) (?:nobody|no one|noone)\b",
    r"\bhow come (?:there(?:'s| is| are|'re) no|there isn't|there aren't|no|nobody|nothing)\b",
    r"\bnothing (?:out there|on the market|i(?:'ve| have) (?:found|tried|seen))\b",
    (
        r"\bthere(?:'s| has)? (?:really |just |surely )?(?:ought to|should|needs to|has to|got to"
        r"|must) be (?:a|an"
        rf"|some)(?: \w+){{0,3}}? (?:{_THING}|(?!answer|matter|number|order|other)\w+er (?:that|which))\b"
    ),
    (
        r"\b(?:baffles|amazes|bugs|surprises|bothers|annoys|frustrates) me (?:\w+ )?(?:that|how)"
        r" .{0,30}\b(?:no|nobody|nothing|none|isn't|aren't|can't|doesn't)\b"
    ),
    r"\b(?:nobody|no one)(?: seems to| else)? (?:offer|make|sell|build)s?\b",
    r"\black of (?:a |an |any )?(?:proper|decent|basic|good|simple|native)\b",
    r"\b(?:gap|niche)(?: in the market)? for\b|\b(?:begging|crying out|screaming) for (?:a|an|some)\b",
    r"\bstill waiting for (?:someone|somebody|anyone|a|an)\b(?! (?:reply|answer|response|refund))",
    (
        r"\b(?:i|we)(?:'ve| have)? tried (?:every|all|many|several|countless|dozens|so many"
        r"|multiple|a (?:dozen|few|lot)|\d+)\b"
        r".{0,60}\b(?:none|nothing|neither|all of them)\b"
    ),
    (
        rf"\bnone of (?:them|these|those|the (?:\w+ ){{0,3}}{_THING}) (?:work|handle|support|stick"
        r"|do|let|can|have|has|offer)\w*\b"
    ),
    (
        r"(?<!\bif )(?<!\bwhen )\bthere(?:(?:'s| is| are|'re)(?: \w+)? (?:no|nothing|not an?|not any"
        r"|not a single)|(?: isn't| aren't)(?: \w+)? (?:an?|any))"
        rf"(?: \w+){{0,3}}? {_THING}\b(?=.{{0,40}}\b(?:for|to|that|which|with|out there|yet|like|in)\b)"
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
    rf"\bdesperate(?:ly need|ly want| for (?:a|an|some|any)?(?: ?[\w-]+){{0,3}} (?:{_THING}|that|which))\b",
    (
        rf"\bdesperate for something that\b|\bkeep (?:on )?wishing for (?:a|an|some)(?: [\w-]+){{0,3}}"
        rf" (?:{_THING}|that)\b"
    ),
    rf"\bwhat (?:i|we)(?:'d| would)(?:n't)? give for (?:[\w-]+ ){{1,4}}(?:{_THING}|that|which|who)\b",
    (
        r"\bwhat (?:i|we)(?:'m| am|'re| are)?(?: really| actually)? (?:want|need|after|miss|looking for) is "
        rf"(?:(?:a|an|some)(?: [\w-]+){{0,3}} (?:{_THING}|company|that|which)|something that|\w+"
        r" (?:that|which))\b"
    ),
    (
        r"\bplease,? (?:somebody|someone|anybody|anyone),? (?:build|make|write|create|invent|do)\b"
        r"|\bplease (?:build|make|invent) (?:me )?(?:a|an) (?!test|backup|issue|copy|note)(?:\w+"
        r" ){0,3}(?:that|which)\b"
    ),
    rf"\bcan't (?:get|buy) (?:a|an|any)(?: [\w-]+){{0,3}} (?:{_THING})\b",
    (
        r"\b(?:whoever|if (?:anyone|anybody|someone|somebody|a company)) (?:\w+ )?(?:builds?|built"
        r"|makes?|made"
        r"|ships?|shipped|solves?|solved|sells?|sold|turns?) .{0,90}\b(?:i'd|i would|i'll|i will)"
        r" (?:\w+ )?(?:buy|pay"
        r"|subscribe|switch|order|sign up)\b"
    ),
    r"\blacks? (?:(?:a|an|any) )?(?:proper|decent|basic|good|native|support for)\b",
)
"""The speaker wishes for something or lacks it."""

ASKS: Final = (
    (
        r"\b(?:is|are|was) there (?:already |currently |even |really |maybe |possibly )?(?:a|an|any"
        r"|some|something|anything|anywhere)\b(?! (?:reasons?|points?|chance|evidence|difference|need"
        rf"|limit|proof|update on|news|consensus|wrong|(?:\w+ )?wrong|else|about))(?=.{{0,80}}\b"
        r"(?:that|which|to|for|like|where|with"
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
        r"(?:\b(?:i|we)(?:'m| am|'re| are|'ve been| have been)|\bbeen|\bam|(?:^"
        r"|[\]:.] ?)(?:\w+)?)(?: (?!not\b)\w+){0,2} ?"
        rf"\b(?:looking|searching|hunting|on the lookout) for (?!{_HIRING})"
        r"(?!(?:my|your|his|her|their|it|them|him|this|that)\b)\w+"
    ),
    rf"\bin (?:search of|the market for) (?!{_HIRING})(?:a|an|some)\b",
    (
        r"\b(?:i|we)(?:'m| am|'re| are)? (?:trying|want|need|hoping) to find (?:a|an|some)"
        rf"(?: [\w-]+){{0,3}} {_THING}\b"
    ),
    r"^(?:any )?(?:suggestions?|recommendations?|recs|tips|alternatives) (?:for|on|to)\b.*\?",
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
    rf"\bwhat would be (?:a|an|the) (?:\w+ ){{1,2}}?{_THING}\b.*\?",
    (
        rf"\b(?:does|do) (?:such an? (?:thing|{_THING})|(?:any|some)thing like (?:that|this|it)|one"
        r" like (?:that|this))"
        r"(?: even| already)? exist\b|\bdoes one exist\W*\?"
    ),
    (
        r"\b(?:is|are) (?:anybody|anyone|somebody|someone|any (?:company|vendor)) (?:else )?(?:making"
        r"|selling|building"
        r"|offering) (?:a|an|any|something)\b.{0,40}\b(?:that|which|for)\b"
    ),
    r"\bneed (?:a|an|some)\b.{0,80}\bwhat (?:should|can|could) (?:i|we) (?:get|buy)\b",
    (
        r"\b(?:looking|hoping|want|ready|trying) to (?:hire|buy|rent|licen[sc]e) (?:a|an"
        rf"|some)\b(?=.{{0,40}}\b(?:{_THING}|kit)\b)"
    ),
    (
        r", (?:(?:so|and|but) )?(?:(?:am|are|is) )?(?:(?:urgently|now|still|desperately) )?(?:looking"
        r"|searching) for "
        rf"(?:a|an|some|something)(?: [\w-]+){{0,4}}? (?:{_THING}|that|which)\b"
    ),
    r"\bopen to (?:any )?(?:suggestions|recommendations|ideas) (?:for|on)\b",
    (
        r"\b(?:are|is) (?:you|you guys|anyone|anybody) aware of (?:a|an|any|anything)\b"
        r"|\bdo you know of (?:a|an|any)\b"
    ),
)
"""The speaker looks for something."""

HINT: Final = (
    r"my |our |desperate|exist|please|your|object|sell |making|can't |any price|wonder|asking"
    r"|feature request|pay|paid|money|buy|bought|spen[dt]|subscri|purchas|budget|cost|'d "
    r"|'ll |would|throw|shell"
    r"|fork|drop|hand over|chip in|burn|blow|sign up|hesitat|wish|if only|why|what|which|how come"
    r"|ought to|should|must be|has to|needs? |want|lack|miss|find|found|baffl|bugs me|surpris|amaz"
    r"|annoy|frustrat|bother|waiting for|tried|none of|nothing|nobody|no ?one|there's|someone"
    r"|somebody|anyone|anybody|love|gap|niche|begging|crying|screaming|looking for|in the market"
    r"|hunting|lookout|in search of|searching for|recommend|suggest|recs|tips|alternative|there is"
    r"|there are|there isn|is there|are there|was there|any |know|aware|open to|how can|how do"
    r"|how could|where can|where do|where could"
)
"""Every phrase above holds one of these; most sentences don't, and are passed over at once."""
