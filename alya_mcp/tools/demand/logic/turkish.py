"""The patterns of Turkish sentences, without diacritics, on folded text."""

from typing import Final

PAYS: Final = (
    (
        r"\b(?:tl|lira|dolar|euro|avro|para|ucret|abonelik)\w*\W.{0,30}\b(?:veriyor(?:um|uz)"
        r"|oduyor(?:um|uz)|harciyor(?:um|uz)|odedi[mk]|verdi[mk]|harcadi[mk]|gidiyor)\b"
    ),
    r"[$€₺].{0,30}\b(?:veriyor(?:um|uz)|oduyor(?:um|uz)|harciyor(?:um|uz)|odedi[mk]|verdi[mk])\b",
    r"\bparali (?:surumunu|uyeligi\w*|abonelig\w+) (?:kullaniyor|aldi)",
    r"\bsatin (?:aldi[mk]|aliyor(?:um|uz))\b",
)

WOULD_PAY: Final = (
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

MISSES: Final = (
    r"\bkeske\b.{0,120}(?:s[ae]|s[ae]ydi|s[ae]m|s[ae]k|s[ae]lar|s[ae]ler|s[ae]ydim|s[ae]ydik)\b",
    r"\b(?:neden|niye|nicin)\b.{0,80}\byok\b",
    r"s[ae](?:ydi|ydim|ydik|m|k)? keske\b",
    r"\bbulmak (?:cok |neredeyse )?(?:imkansiz|zor|mumkun degil)\b",
    (
        r"\b(?:dogru duzgun|duzgun|iyi|kaliteli|kullanisli|guvenilir|ucuz|uygun fiyatli|yerli"
        r"|turkce)\b(?: \w+){0,4} (?:yok|bulam\w+|bulunmuyor)\b"
    ),
    r"\bbulamadi[mk]\b|\bbulamiyor(?:um|uz)\b",
    (
        r"\b(?:uygulama|program|arac|site|yazilim|servis|hizmet|cozum|sistem|eklenti|cihaz"
        r"|urun)\w*(?: \w+){0,2} (?:lazim|gerek|gerekiyor|ihtiyac\w*)\b"
    ),
    (
        r"\bihtiyac(?:im|imiz) var\b|\beksikligini\b|\bbiri(?:si|leri)? (?:sunu|bunu"
        r"|artik)? ?(?:yapsin|yapsa|gelistirsin)\b"
    ),
)

ASKS: Final = (
    r"\bvar mi(?:dir|ydi)?\b(?<!sebebi var mi)(?<!nedeni var mi)(?<!farki var mi)(?<!anlami var mi)",
    (
        r"\b(?:oneri|tavsiye)(?:niz|leriniz|n|si)?\b.{0,40}\b(?:var|olan|lutfen|bekliyor\w*"
        r"|alabilir\w*|ister\w*|lazim)\b|\bonerir misiniz\b|\bonerebilir(?: misiniz|seniz)?\b"
        r"|\btavsiye eder(?: misiniz| misin)?\b|\bne(?:yi)? onerirsiniz\b"
    ),
    r"\b(?:ne|hangi)\w*(?: \w+){0,2} kullaniyorsunuz\b",
    r"\bhangi \w+(?: \w+){0,2} (?:onerir|tavsiye ed|kullan|tercih ed)\w*",
    (
        r"\b(?<!is )(?<!eleman )(?<!yazilimci )(?<!gelistirici )(?<!muhendis )(?<!stajyer )"
        r"(?<!arkadasi )(?<!sevgili )ariyor(?:um|uz|dum)\b"
    ),
)

NEGATED: Final = (
    (
        r"\b(?:para|ucret|para bile|kurus|bes kurus)\b.{0,20}\b(?:verme(?:m|z|yiz|zdim|zdik)|odeme(?:m"
        r"|yiz|zdim|zdik)|vermiyor\w*|odemiyor\w*|harcamam|harcamiyor\w*|verilmez|vermeye degmez)\b"
    ),
    r"\b(?:satin almam|satin almiyor\w*|odemem|odemezdim)\b",
    r"\bkim para verir\b|\bneden para (?:vereyim|odeyeyim)\b|\bpara verecek (?:degilim|kadar)\b",
)

ASKS_OTHERS: Final = (r"\bpara verir mi(?:siniz|ydiniz|sin)\b|\bkac (?:para|tl|lira) (?:verir|oder)\w*\b",)

SARCASTIC: Final = (
    r"\btabii? canim\b|\bsaka bir yana\b|\bsaka saka\b|\bne guzel(?: dimi| degil mi)|\blan\b.*:d",
)

PROMOTES: Final = (
    (
        r"\b(?:yaptigim|gelistirdigim|kurdugum|cikardigimiz|gelistirdigimiz) (?:\w+ )?(?:uygulama"
        r"|site|program|arac|urun|yazilim|proje)|\bindirim kodu\b|\buygulamamizi\b|\burunumuz\w*"
    ),
)

HINT: Final = (
    r"para|ucret|oder|odu|odem|verir|veriyor|verdi|harc|gidiyor|satin|abone|seve seve|memnuniyetle"
    r"|hic dusunmeden|gozum kapali|keske|yok|bulam|bulmak|bulunmuyor|ihtiyac|lazim|gerek|eksik"
    r"|yapsin|yapsa|gelistirsin|var mi|oner|tavsiye|ariyor|kullaniyorsunuz|hangi"
)
