"""Warning signs in plain sentences, English and Turkish. docs/tools/symptoms.md."""

import pytest
from moved import Ask

from alya_mcp.tools.health.logic.symptoms.reading import PatientCase
from alya_mcp.tools.health.symptom_check import alya_symptom_check
from alya_mcp.tools.health.symptoms.knowledge import knowledge

pytestmark = pytest.mark.anyio


def flags(text: str) -> dict[str, str]:
    """The warning signs of a text by id, with their levels; none where the text would be refused."""
    known = knowledge()
    told, language = known.told(text)
    case = PatientCase(language=language)
    case.hear(text, told, known.network.findings)
    if not case.tells_enough(known.network):
        return {}
    return {each.rule.id: each.rule.level for each in known.signs(case)}


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("nefes darlığı ve göğüs ağrısı", "emergency"),
        ("chest pain and sweating", "emergency"),
        ("sudden severe back pain", "emergency"),
        ("fainted this morning", "urgent"),
        ("My son has a fever and is breathless", "emergency"),
        ("kızım nefes almakta zorlanıyor, hızlı hızlı soluyor", "emergency"),
        ("my baby has a fever", "emergency"),
    ],
)
def test_an_age_that_is_not_known_counts_as_each_that_it_may_be(text: str, level: str) -> None:
    assert level in flags(text).values()


@pytest.mark.parametrize(
    "text",
    [
        "I have a fever and a cough",
        "ateşim var",
        "I can't put weight on my ankle",
        "chest pain, I'm 20 and sweating",
    ],
)
def test_a_rule_for_other_ages_stays_silent(text: str) -> None:
    assert not {"baby_fever", "sick_child", "limp_child", "heart"} & flags(text).keys()


async def test_what_rests_on_an_age_that_was_not_given_says_so(ask: Ask) -> None:
    text = "chest pain and sweating"
    unknown = await ask(alya_symptom_check, complaint=text)
    assert "No age was given; this counts from 30 years on." in unknown["redFlags"][0]["action"]
    known = await ask(alya_symptom_check, complaint=text, age=50)
    assert "No age" not in known["redFlags"][0]["action"]
    turkish = await ask(alya_symptom_check, complaint="bebeğimin ateşi var")
    again = await ask(alya_symptom_check, complaint="hâlâ aynı", sessionId=turkish["sessionId"])
    for answer in (turkish, again):
        assert "Yaş belirtilmedi; bu, 3 ay altında geçerlidir." in answer["redFlags"][0]["action"]
    told = await ask(alya_symptom_check, complaint="8 aylık", sessionId=turkish["sessionId"], age=0.7)
    assert "baby_fever" not in {each["id"] for each in told["redFlags"]}


EMERGENCIES = {
    "heart attack": """
        I think I'm having a heart attack
        my dad is having a heart attack
        heart attack!
        she had a heart attack an hour ago
        kalp krizi geçiriyorum
        babam kalp krizi geçiriyor
        sanırım kalp krizi
        my chest is crushing and my arm hurts
        my chest feels crushed and my jaw hurts
        göğsüm eziliyor kolum ağrıyor
        no pulse
        kalbi durdu
        husband clutching his chest and collapsed
        eşim göğsünü tutup yere yığıldı
    """,
    "stroke": """
        mom is having a stroke
        my wife might be having a stroke
        my grandma had a stroke an hour ago
        inme geçiriyor
        annem felç geçiriyor
        babaannem bu sabah inme geçirdi
        dede inme geçirdi az önce
    """,
    "headache": """
        never had such a bad headache before, it hit me like a hammer
        headache hit me like a ton of bricks
        never had a headache like this in my life
        hayatımda böyle baş ağrısı görmedim, çekiç yemiş gibi
        daha önce hiç böyle baş ağrım olmadı, çekiç indi sanki
    """,
    "birth": """
        umbilical cord is hanging out
        the cord came out before the baby
        my water broke and I see the cord
        kordon sarktı
        suyum geldi kordon görünüyor
    """,
    "limbs": """
        my finger got cut off
        I chopped off the end of my finger
        the machine took his hand off
        parmağım koptu
        elimi makine kopardı
        my leg below the cast is numb and hugely painful
        cast is too tight and my toes are blue
        arm in plaster, fingers white and numb
        alçının altında bacağım uyuşuyor ve çok ağrıyor
        alçı çok sıkıyor parmaklarım mosmor
    """,
    "current and water": """
        elektrik çarptı
        I got an electric shock and have palpitations
        got a shock from the socket
        ceryana kapıldım
        lightning struck him
        drowned in the pool, coughing
        he was pulled from the pool and coughs
        our toddler fell into the pond
        havuzda boğuluyordu şimdi öksürüyor
        çocuk havuza düştü su yuttu
        he hanged himself
        she was found hanging
        kendini astı
        plugged in the toaster and got shocked badly
        my daughter slipped under the water in the tub
        boğulmak üzereydi denizden çıkardılar
    """,
    "violence": """
        my boyfriend is beating me
        my husband keeps hitting me
        my partner choked me
        kocam beni dövüyor
        eşim bana şiddet uyguluyor
        kocamdan dayak yiyorum
    """,
    "poison and venom": """
        he overdosed
        she took a whole bottle of paracetamol
        aşırı doz aldı
        my child swallowed bleach
        swallowed a battery
        my son ate a battery
        bebeğim pil yuttu
        kızım deterjan içmiş
        a snake bit my leg
        yılan ısırdı
        anaphylaxis
        I'm going into anaphylactic shock
        alerjik şoka girdi
        bee sting and I need my epipen
    """,
    "consciousness": """
        he is unconscious
        he doesn't respond
        bilinci kapalı
        bir türlü kendine gelmiyor
        seizure won't stop
        she keeps seizing
        nöbet durmuyor
        he's choking
        lokma takıldı boğazına
        can't remember where he is, started this morning, 70 years old
        grandpa doesn't know who I am since today
        my husband, 72, suddenly doesn't know what year it is
        dedem bugün kim olduğunu hatırlamıyor
    """,
    "injury": """
        car accident, neck pain and tingling in arms
        fell off a ladder, neck hurts and my hands tingle
        rear-end crash, stiff neck and numb fingers
        boynumu kazada incittim, kollarımda his yok
        rusty metal cut, now muscles are cramping and jaw tight
        trafik kazası geçirdim boynum ağrıyor kollarım uyuşuyor
        havuza atladım boynum ağrıyor ellerim uyuşuyor
        stiff jaw and muscle spasms after stepping on a nail
        nail went through my foot last week, now jaw stiff
        ayağıma paslı çivi battı, çenem açılmıyor
        paslı çiviye bastım kaslarım kasılıyor
        burned with boiling water on my face
        hot oil splashed on my face
        my toddler pulled hot tea over herself
        yüzüme kaynar su döküldü
        çocuğun üstüne çaydanlık döküldü
    """,
    "great force": """
        he was hit by a truck
        run over by a car
        fell from the third floor
        crushed hand in a machine
        I can't feel my legs after the fall
        lost two fingers in the lawnmower
        üçüncü kattan düştü
        kamyon çarptı
        traktörün altında kaldı
        bacağından vuruldu
    """,
    "breath and fumes": """
        he stopped breathing
        he inhaled smoke in a house fire
        yangında dumandan etkilendi
        jellyfish sting and trouble breathing
        my grandson took my blood pressure pills
        torunum haplarımı yutmuş
        my neck was squeezed by my husband
        kocam boğazımı sıktı
    """,
    "baby": """
        soft spot is bulging and fever
        soft spot on her head looks swollen
        fontanelle is bulging and he vomits
        bıngıldağı şiş ve ateşi var
        bıngıldak şişti kusuyor
    """,
    "too much of a medicine": """
        I took twenty co-codamol an hour ago
        I swallowed about thirty paracetamol and feel okay
        I've had about fifteen of my mum's antidepressants
        Accidentally took double my methotrexate all week
        she got into grandad's heart tablets
        yarım saat önce yirmi tane hap yuttum
        iki kutu antidepresan içtim
        kızım dedesinin kalp ilaçlarından içmiş
    """,
    "poison and drugs": """
        sprayed the fruit trees and now I'm drooling and my muscles twitch
        he has drunk some of the screen wash
        breathed in the stuff from mixing bleach with descaler, I'm wheezing
        she swallowed one of those little flat batteries
        my friend shot up and I can't wake him, his pupils are pinpricks
        tarlada ilaç attım, terliyorum, midem bulanıyor
    """,
    "pregnancy told in weeks": """
        36 weeks. Headache since yesterday
        I'm 30 wks with twins and my face ballooned
        I'm 34 weeks with my first, thumping headache
        35 haftalığım, başım çok ağrıyor
        38. haftadayım, bebeğim dünden beri oynamıyor
    """,
    "limb": """
        my right leg is as cold as marble and white
        my foot suddenly turned white and icy and it's numb
        sağ bacağıma birden ağrı girdi, buz gibi oldu, bembeyaz, ayağımı hissetmiyorum
        they plastered my shin yesterday, it's agony and my foot is tight as a drum
        kolumu makineye kaptırdım, taş gibi şişti, parmaklarım uyuşuk
    """,
    "artery in the belly": """
        sudden belly pain and back pain, I've gone grey and sweaty
        I can feel a lump beating in my stomach and it hurts
        karnıma birden saplandı, belime vuruyor, rengim kül gibi oldu
    """,
    "blood sugar": """
        I'm type one, sugar is 28, vomiting
        şekerim 480, kusuyorum, karnım ağrıyor
    """,
}


@pytest.mark.parametrize("kind", EMERGENCIES)
def test_an_emergency_is_one_in_many_wordings(kind: str) -> None:
    lines = [line.strip() for line in EMERGENCIES[kind].strip().splitlines()]
    assert [line for line in lines if "emergency" not in flags(line).values()] == []


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("I feel like hurting my baby", "harm_to_others"),
        ("I'm afraid I will shake my baby", "harm_to_others"),
        ("thoughts of smothering my baby", "harm_to_others"),
        ("bebeğime zarar vermek istiyorum", "harm_to_others"),
        ("voices telling me to kill people", "harm_to_others"),
        ("a voice says I must stab my wife", "harm_to_others"),
        ("sesler bana insanları öldürmemi söylüyor", "harm_to_others"),
        ("I want to kill my neighbour", "harm_to_others"),
        ("bebeğimi camdan atmak istiyorum", "harm_to_others"),
        ("sesler komşuma saldırmamı istiyor", "harm_to_others"),
        ("took 40 ibuprofen", "overdose"),
        ("I can't see any point carrying on and have written letters to the kids", "suicide"),
        ("I don't think I can keep myself safe tonight", "suicide"),
        ("ben olmasam herkes rahat eder, vedalaşma mektubu yazdım", "suicide"),
        ("ilaçların hepsini içti", "overdose"),
        ("I think I'm pregnant. I'm bleeding a bit.", "pregnancy_bleeding"),
        ("10 weeks gone and spotting", "pregnancy_bleeding"),
        ("gebeyim kan geldi", "pregnancy_bleeding"),
        ("tecavüze uğradım", "assault"),
        ("my son swallowed a coin", "swallowed_object_flag"),
        ("çocuk para yuttu", "swallowed_object_flag"),
    ],
)
def test_a_warning_sign_is_raised(text: str, flag: str) -> None:
    assert flag in flags(text)


@pytest.mark.parametrize(
    "text",
    [
        "this headache is killing me",
        "she hits her knee on the table, it's bruised and hurts",
        "I had a heart attack in 2015 and take aspirin, now I have a runny nose",
        "since my heart attack I take aspirin, I have a rash",
        "my father had a heart attack ten years ago, I have a cough",
        "I'm afraid of a stroke because my father had one at 80. I cough",
        "I don't think it's a stroke, I have a runny nose",
        "I was vaccinated against meningitis and have a sore arm",
        "electric shock pains in my leg from sciatica",
        "bacağımda elektrik çarpar gibi ağrı",
        "sleep is bad, I'm drowning in work",
        "plaster on my finger itches",
        "cut off my toenail too short, toe is sore",
        "my gums are bleeding when brushing",
        "neck pain from sleeping badly",
        "I have sunburn on my face",
        "hamileyim belim ağrıyor",
        "fell on the floor, knee bruised and hurts",
        "I want to kill the pain in my back",
        "I'm scared of hurting my knee again, it's sore",
        "I don't know what day my period will come, I have cramps",
        "feel like I was hit by a truck, body aches and fever",
        "dayak yemiş gibiyim, her yerim ağrıyor",
        "my partner hurt his ankle, it is swollen",
        "my chest and arms are itchy",
        "feels like something is stuck in my throat",
        "kocamın beli ağrıyor",
        "my son has an itchy rash",
        "kızım öksürüyor, burnu akıyor",
        "I can't say I have chest pain, but I have a cough",
        "It is not breathing that hurts, it is my knee that hurts",
        "El bileğimin üzerine düştüm, bileğim ağrıyor",
        "I took two paracetamol for my period pain and it helped",
        "I take 20 mg of paroxetine every morning, my nose is stuffy",
        "On gündür antibiyotik içiyorum, ağzım kuruyor",
        "I'm 30 weeks into my degree and can't sleep",
        "My toes go white and cold in winter, they tingle",
        "out of breath after one flight of stairs, slowly worse over years",
        "I don't see the point of going to the gym any more, my elbow aches",
        "20 yıldır şeker hastasıyım, ayağımda nasır var",
    ],
)
def test_an_ordinary_complaint_raises_no_emergency(text: str) -> None:
    assert not {"emergency", "crisis"} & set(flags(text).values())


def test_a_denial_that_is_denied_is_a_complaint() -> None:
    for text, finding in (
        ("I can't say I don't have chest pain", "chest_pain"),
        ("I can't deny that I have chest pain", "chest_pain"),
        ("It's not that I don't have a headache", "headache"),
        ("göğüs ağrım yok diyemem", "chest_pain"),
    ):
        told, _ = knowledge().told(text)
        assert told.mentions[finding].present
        assert "slurred_speech" not in told.mentions


async def test_care_follows_the_signs(ask: Ask) -> None:
    wrist = await ask(alya_symptom_check, complaint="El bileğimin üzerine düştüm, bileğim ağrıyor")
    assert (wrist["seekCare"], wrist["redFlags"]) == ("urgent", [])
    shock = await ask(alya_symptom_check, complaint="elektrik çarptı")
    assert (shock["seekCare"], shock["conditions"][0]["id"]) == ("emergency", "electric_injury")
