# ruff: noqa: E501 (lists of forms read better unbroken)
"""Makes ``corpus.jsonl``: chat messages in English and Turkish with their addresses and numbers marked.

    python tests/pii/make_corpus.py [--check]

Sentences are templates; ``{name}`` calls a maker below with the corpus' own random numbers. Those in ``HITS`` give
personal data, all others things that look like it. Nothing here knows the detector: numbers are made of prefixes that
operators were given, addresses of names and hosts. Line: ``{"text", "lang", "spans": [[kind, form, start, end]]}``.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path

Maker = Callable[[random.Random], str]
Hit = tuple[str, str, Maker]
"""Kind, form (ordinary or obfuscated), maker."""


def words(text: str) -> list[str]:
    return text.split()


def sentences(text: str) -> list[str]:
    return text.strip().splitlines()


SEED = 20261123
MESSAGES = 2600
NAMES = words(
    "ali ayse mehmet zeynep fatma emre deniz john sarah mike emily oliver sophie andreas maria nikos elif burak"
)
SURNAMES = words("yilmaz kaya demir celik smith jones brown taylor georgiou christou ozturk arslan wilson evans")
HOSTS = words("gmail.com hotmail.com outlook.com yahoo.com icloud.com firma.com.tr metu.edu.tr example.org acme.co.uk")
MORE_HOSTS = words("kibris-emlak.com cyta.com.cy ciu.edu.tr startup.io posta.net deniz-ticaret.gov.tr proton.me web.de")
MOBILE_TR = words("530 531 532 533 535 536 537 538 541 542 543 544 545 546 551 552 553 554 555 505 506 507")
AREA_TR = words("212 216 312 232 242 224 322 342")
AREA_US = words("212 213 312 415 617 202 305 702 206 512")
WIDE = {ord(c): ord(c) + 0xFEE0 for c in map(chr, range(0x21, 0x7F))}


def digits(r: random.Random, n: int, first: str = "0123456789") -> str:
    return r.choice(first) + "".join(r.choice("0123456789") for _ in range(n - 1))


def local(r: random.Random) -> str:
    name, surname = r.choice(NAMES), r.choice(SURNAMES)
    return r.choice([
        f"{name}.{surname}", f"{name}{surname}", f"{name[0]}.{surname}", f"{name}_{surname}", f"{name}{r.randint(1, 99)}",
        f"{surname}.{name}{r.randint(70, 99)}", name, f"{name}+{r.choice(['shop', 'news'])}", "info", "destek", "support",
    ])  # fmt: skip


def host(r: random.Random) -> str:
    return r.choice(HOSTS + MORE_HOSTS)


def email(r: random.Random) -> str:
    address = f"{local(r)}@{host(r)}"
    return r.choice([address] * 8 + [address.upper(), address.capitalize()])


def email_unicode(r: random.Random) -> str:
    name = r.choice(["çağrı", "gülşen.öz", "ayşe", "müller", "josé.garcía", "νίκος", "пётр", "ışıl"])
    site = r.choice(["örnek.com", "şirket.com.tr", "bücher.de", "παράδειγμα.gr", "пример.рф", "firma.com", "例え.jp"])
    return f"{name}@{site}"


def tr_mobile(r: random.Random) -> str:
    a, b, c, d = r.choice(MOBILE_TR), digits(r, 3), digits(r, 2), digits(r, 2)
    return r.choice([
        f"0{a} {b} {c} {d}", f"0{a}{b}{c}{d}", f"+90 {a} {b} {c} {d}", f"+90{a}{b}{c}{d}", f"0 {a} {b} {c} {d}",
        f"0({a}) {b} {c} {d}", f"(0{a}) {b} {c} {d}", f"0{a}-{b}-{c}-{d}", f"0{a} {b} {c}{d}", f"{a} {b} {c} {d}",
        f"0{a}.{b}.{c}.{d}", f"+90 ({a}) {b} {c} {d}", f"0090 {a} {b} {c} {d}", f"90 {a} {b} {c} {d}", f"0{a} {b}{c}{d}",
    ])  # fmt: skip


def tr_landline(r: random.Random) -> str:
    a, b, c, d = r.choice(AREA_TR), digits(r, 3, "23456"), digits(r, 2), digits(r, 2)
    return r.choice([f"0{a} {b} {c} {d}", f"0 ({a}) {b} {c} {d}", f"+90 {a} {b} {c} {d}", f"(0{a}) {b} {c} {d}"])


def north_cyprus(r: random.Random) -> str:
    line = r.choice(["392 22", "392 81", "392 36", "392 66", "392 44"])
    mobile = r.choice(["533 8", "533 86", "542 85", "548 83"])
    b = r.choice([line, mobile])
    rest = digits(r, 10 - len(b.replace(" ", "")))
    number = (b + rest).replace(" ", "")
    a, b, c, d = number[:3], number[3:6], number[6:8], number[8:]
    return r.choice([f"+90 {a} {b} {c} {d}", f"0{a} {b} {c} {d}", f"0{a} {b} {c}{d}", f"+90{number}", f"0{number}"])


def cyprus(r: random.Random) -> str:
    number = r.choice(["99", "97", "96", "95", "22", "25", "24", "26"]) + digits(r, 6)
    return r.choice([
        f"+357 {number}", f"+357 {number[:2]} {number[2:]}", f"+357{number}", f"00357 {number[:2]} {number[2:]}",
        f"+357-{number[:2]}-{number[2:]}", f"{number[:2]} {number[2:]}", f"+357 {number[:2]} {number[2:5]} {number[5:]}",
    ])  # fmt: skip


def uk(r: random.Random) -> str:
    m, six = r.choice(["7911", "7400", "7500", "7712", "7834", "7967"]), digits(r, 6)
    four, more = digits(r, 4, "3789"), digits(r, 4)
    return r.choice([
        f"0{m} {six}", f"0{m}{six}", f"+44 {m} {six}", f"+44{m}{six}", f"0{m} {six[:3]} {six[3:]}", f"+44 (0){m} {six}",
        f"020 {four} {more}", f"+44 20 {four} {more}", f"(020) {four} {more}", f"0161 496 {digits(r, 4)}", f"0044 {m} {six}",
    ])  # fmt: skip


def us(r: random.Random) -> str:
    a, b, c = r.choice(AREA_US), digits(r, 3, "2345678"), digits(r, 4)
    return r.choice([
        f"({a}) {b}-{c}", f"{a}-{b}-{c}", f"+1 {a} {b} {c}", f"+1 ({a}) {b}-{c}", f"{a}.{b}.{c}", f"1-{a}-{b}-{c}",
        f"+1{a}{b}{c}", f"+1-{a}-{b}-{c}", f"({a}){b}-{c}", f"{a} {b} {c}",
    ])  # fmt: skip


def bare(r: random.Random) -> str:
    """Digits alone; only stands in sentences that say what it is."""
    return r.choice([
        r.choice(MOBILE_TR) + digits(r, 7), "99" + digits(r, 6), r.choice(AREA_US) + digits(r, 7, "2345678"),
        "90" + r.choice(MOBILE_TR) + digits(r, 7), "97" + digits(r, 6), "447911" + digits(r, 6),
    ])  # fmt: skip


def phone(r: random.Random) -> str:
    return r.choice([tr_mobile, tr_mobile, tr_mobile, tr_landline, north_cyprus, cyprus, uk, us])(r)


def hidden_en(r: random.Random) -> str:
    """The ways to write an address in a forum."""
    name = r.choice(NAMES) + r.choice(["", ".", "_", ""]) + r.choice(SURNAMES)
    site, _, end = host(r).partition(".")
    at = r.choice([" at ", " AT ", " [at] ", "[at]", "(at)", " (at) ", "{at}", " @ "])
    dot = r.choice([" dot ", " DOT ", " [dot] ", "[dot]", "(dot)", " (dot) ", "."])
    if at in {" at ", " AT ", " @ "} and dot == ".":
        dot = " dot "
    return f"{name}{at}{site}{dot}{end.replace('.', dot)}"


def hidden_tr(r: random.Random) -> str:
    name = r.choice(NAMES) + r.choice(["", " nokta ", "."]) + r.choice(SURNAMES)
    site, _, end = host(r).partition(".")
    at = r.choice([" at ", " [ät] ", " [at] ", "(at)", " (et) ", " AT "])
    dot = r.choice([" nokta ", " (nokta) ", "[nokta]", " NOKTA "])
    return f"{name}{at}{site}{dot}{end.replace('.', dot)}"


def wide_email(r: random.Random) -> str:
    address = f"{r.choice(NAMES)}.{r.choice(SURNAMES)}@{host(r)}"
    return r.choice([
        address.translate(WIDE), address.replace("@", "＠"), address.replace(".", "。"), address.replace("@", "\u200b@\u200b"),
        address.replace("@", " @ "), "\u200b".join(address), address.replace("@", "@\u2060"), address.replace("@", "%40"),
    ])  # fmt: skip


def odd_phone(r: random.Random) -> str:
    number = r.choice([tr_mobile, uk, us, cyprus])(r)
    tr = "0" + r.choice(MOBILE_TR) + digits(r, 7)
    return r.choice([
        number.translate({ord(str(n)): 0xFF10 + n for n in range(10)}), number.replace(" ", "\u00a0").replace("-", "\u2011"),
        " ".join(tr), "-".join(tr), ".".join(tr), "\u200b".join(number), number.replace("-", "\u2013").replace(" ", "\u2009"),
        "+9 0 " + " ".join(tr[1:]), "".join(chr(0x0660 + int(c)) for c in tr), " ".join(re.findall("..?", tr)),
    ])  # fmt: skip


HITS: dict[str, Hit] = {
    "email": ("email", "ordinary", email),
    "email_unicode": ("email", "ordinary", email_unicode),
    "phone": ("phone", "ordinary", phone),
    "bare": ("phone", "ordinary", bare),
    "hidden_en": ("email", "obfuscated", hidden_en),
    "hidden_tr": ("email", "obfuscated", hidden_tr),
    "wide_email": ("email", "obfuscated", wide_email),
    "odd_phone": ("phone", "obfuscated", odd_phone),
}


def order(r: random.Random) -> str:
    return r.choice([
        digits(r, 10, "123456789"), digits(r, 8, "123456789"), digits(r, 12, "123456789"), f"ORD-{digits(r, 8)}",
        f"#{digits(r, 9)}", f"{digits(r, 3)}-{digits(r, 7)}-{digits(r, 7)}", f"TY{digits(r, 10)}", f"{digits(r, 4)}-{digits(r, 6)}",
        digits(r, 11, "123456789"),
    ])  # fmt: skip


def price(r: random.Random) -> str:
    n = r.randint(1, 9_999_999)
    return r.choice([
        f"{n:,}.{r.randint(0, 99):02} TL", f"{n:,}".replace(",", ".") + ",90 TL", f"${n:,}.99", f"£{n / 100:.2f}",
        f"{n:,}".replace(",", " ") + " €", f"€{n:,}", f"{n * 100} TL", f"1{n:,}".replace(",", " ") + " lira",
    ])  # fmt: skip


def date(r: random.Random) -> str:
    y, m, d = r.randint(1970, 2030), r.randint(1, 12), r.randint(1, 28)
    return r.choice([
        f"{y}-{m:02}-{d:02}", f"{d:02}.{m:02}.{y}", f"{d:02}/{m:02}/{y}", f"{m}/{d}/{y}", f"{y}{m:02}{d:02}", f"{d}-{m}-{y}",
        f"{d:02}.{m:02}.{y} - {d:02}.{m:02}.{y + 1}",
    ])  # fmt: skip


def moment(r: random.Random) -> str:
    y, m, d, h, n, s = r.randint(2020, 2027), r.randint(1, 12), r.randint(1, 28), r.randint(0, 23), r.randint(0, 59), 7
    return r.choice([
        f"{y}-{m:02}-{d:02}T{h:02}:{n:02}:{s:02}Z", f"{y}-{m:02}-{d:02} {h:02}:{n:02}:{s:02}.123", f"17{digits(r, 8)}",
        f"17{digits(r, 11)}", f"{d:02}.{m:02}.{y} {h:02}:{n:02}", f"{y}{m:02}{d:02}{h:02}{n:02}{s:02}", f"{h:02}:{n:02}:{s:02},{digits(r, 6)}",
        f"{y}-{m:02}-{d:02} {h:02}.{n:02}",
    ])  # fmt: skip


def ip(r: random.Random) -> str:
    a = ".".join(str(r.randint(0, 255)) for _ in range(4))
    return r.choice([a, f"{a}:{r.randint(80, 65000)}", f"{a}/24", f"2001:db8::{r.randint(1, 9999)}", f"root@{a}"])


def uuid(r: random.Random) -> str:
    h = f"{r.getrandbits(128):032x}"
    full = f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
    return r.choice(
        [full, full.upper(), h, h[:12], re.sub("[a-f]", "7", full), f"thread_{digits(r, 11)}", f"user-{digits(r, 10)}"]
    )


def card(r: random.Random) -> str:
    four = [digits(r, 4) for _ in range(6)]
    return r.choice([
        " ".join(["5" + four[0][1:], *four[1:4]]), "-".join(["4" + four[0][1:], *four[1:4]]), "".join(four[:4]),
        "TR" + digits(r, 2) + " " + " ".join(four[:5]) + " " + digits(r, 2), "TR" + digits(r, 24), "GB29 NWBK " + " ".join(four[:3]) + " 19",
        "CY17 " + " ".join(four[:6]), f"37{digits(r, 2)} {digits(r, 6)} {digits(r, 5)}",
    ])  # fmt: skip


def place(r: random.Random) -> str:
    a, b = r.uniform(34, 52), r.uniform(0, 40)
    return r.choice(
        [f"{a:.6f}, {b:.6f}", f"{a:.4f},{b:.4f}", f"{a:.7f} {b:.7f}", f"({a:.5f}, {b:.5f})", f"lat {a:.6f} lon {b:.6f}"]
    )


def version(r: random.Random) -> str:
    return r.choice([
        f"v{r.randint(0, 9)}.{r.randint(0, 30)}.{r.randint(0, 9)}", f"{r.randint(100, 140)}.0.{r.randint(1000, 7000)}.{r.randint(10, 200)}",
        f"lodash@4.17.{r.randint(0, 21)}", f"@types/node@{r.randint(10, 22)}.1.0", f"python {r.randint(2, 3)}.11.{r.randint(0, 9)}", "react@next",
    ])  # fmt: skip


def url(r: random.Random) -> str:
    return r.choice([
        f"https://example.com/orders/{digits(r, 10)}", f"https://medium.com/@{r.choice(NAMES)}/my-story-{digits(r, 10)}",
        f"https://shop.example.com/p/case-{digits(r, 4)}-{digits(r, 7)}?id={digits(r, 10)}", "https://github.com/zepguard/zepguard",
        f"www.firma.com.tr/urun/{digits(r, 8)}", f"https://maps.example.com/@{r.uniform(34, 42):.6f},{r.uniform(26, 40):.6f},15z",
        f"http://10.0.0.{r.randint(1, 254)}:8080/health", f"https://x.com/{r.choice(NAMES)}/status/17{digits(r, 17)}",
        f"postgres://app:secret@db.example.com:5432/shop{r.randint(1, 99)}", f"https://cdn.example.com/img/logo@{r.randint(2, 3)}x.png",
    ])  # fmt: skip


def handle(r: random.Random) -> str:
    return r.choice(
        [f"@{r.choice(NAMES)}", f"@{r.choice(NAMES)}.{r.choice(SURNAMES)}", f"@{r.choice(SURNAMES)}_{r.randint(1, 99)}"]
    )


DECOYS: dict[str, Maker] = {
    "order": order, "price": price, "date": date, "moment": moment, "ip": ip, "uuid": uuid, "card": card, "place": place,
    "version": version, "url": url, "handle": handle, "name": lambda r: r.choice(NAMES).capitalize(),
    "number": lambda r: str(r.randint(2, 99_999)), "site": lambda r: r.choice(["booking.com", "amazon.com", "trendyol.com", "stripe.com", "n11.com"]),
    "site_dot": lambda r: r.choice(["amazon dot com", "booking dot com", "stripe dot com"]),
}  # fmt: skip

EN_HITS = sentences("""
Hi, could you send the invoice to {email} please?
my email is {email}, thanks!
You can reach me at {email} or {phone}.
{email}
Please add {email} and {email} to the meeting
Contact: {name}, {phone}
I changed my number, it's {phone} now
call me on {phone} after {number}
Order {order} hasn't arrived. My phone is {phone}.
WhatsApp: {phone}
Is {phone} still the right number for the clinic?
text me at {bare} when you land
my number is {bare}
<{email}> wrote on {date}:
forward it to "{email}"; cc {email}
I paid {price} on {date}, receipt went to {email_unicode}
mailto:{email}?subject=hello
the driver ({phone}) says he is outside
Emergency contact {name}: {phone}, backup {phone}
Login with {email} fails from {ip} since {moment}
you can write me: {hidden_en}
my address is {hidden_en} thanks
Email {hidden_en} for the keys
It's {hidden_en} - don't share it
send it to {wide_email} ok?
new mail {wide_email}
my number: {odd_phone}
ring {odd_phone} and ask for {name}
{odd_phone}
""")
TR_HITS = sentences("""
Merhaba, faturayı {email} adresine gönderir misiniz?
mail adresim {email} teşekkürler
Bana {phone} numarasından ulaşabilirsiniz
{phone}
Telefonum {phone}, mailim {email}
numaram değişti, yenisi {phone}
beni {bare} numarasından arayın
cep: {bare}
Siparişim {order} gelmedi, telefon numaram {phone}
Yetkili {name} bey: {phone}
{date} tarihinde {phone} nolu telefondan aradılar
{email}'a yazdım ama cevap gelmedi
Kuzey Kıbrıs ofisi {phone}, e-posta {email_unicode}
annemin telefonu {phone} / babamınki {phone}
{name} hanımın maili {email}, {price} ödedi
WhatsApp hattımız: {phone}
Rezervasyon için {phone} arayabilirsiniz, saat {number}
IP {ip} üzerinden {email} ile girdim
bana yaz: {hidden_tr}
mailim {hidden_tr} unutma
e-posta {hidden_tr} olacak
adres şu {wide_email}
{wide_email} yazabilirsin
numaramı gizli yazıyorum {odd_phone}
ara beni {odd_phone}
""")
EN_DECOYS = sentences("""
Where is my order {order}?
order number {order}, ordered on {date}
tracking {order} says delivered {moment}
the total was {price} instead of {price}
Invoice {order} of {date} is {price}
server {ip} is down since {moment}
trace id {uuid} please check
{uuid}
my card {card} was declined
IBAN {card}
we are at {place}
it broke after upgrading to {version}
see {url}
{url} does not load
thanks {handle}, great job!
hi {handle} can you look at this at {number}?
meet me at {number} at the {site} office
I found it cheaper at {site}
look at {site_dot}, it's way cheaper
my brother works at {site}
she is a manager at {site_dot}
we stayed at a hotel from {site}
Let's talk at lunch. At the latest at 5. Dot the i's.
connect the dots at home. dot com boom was fun
I have {number} apples and {number} oranges
session {uuid} expired at {moment}
population is {price}
from {date} to {date} we are closed
ticket {order} was closed on {moment}
What's the weather like in Kyrenia today?
Thanks, that's perfect. See you tomorrow!
Can you summarise what we said yesterday about the flat?
1 2 3 4 5 6 7 8 9 10
score was 3-2, 6-4, 7-5, 6-3 in the end
flight TK{number} at 10:45, gate {number}, seat 23A
build {version} from {date}, commit {uuid}
customer id {order}, account {order}
5 kg @ 3.50 = 17.50
the batch {order} weighs {number} kg
pip install {version}
log line {moment} worker-{number} took {number} ms
serial no {order}, model {number}
between {place} and {place}
it costs {price} @ {site}
""")
TR_DECOYS = sentences("""
{order} numaralı siparişim nerede?
sipariş no {order}, {date} tarihli
kargo takip numarası {order}
toplam {price} tuttu, {price} değil
fatura no: {order} tutar {price}
{ip} adresindeki sunucu {moment} itibariyle kapalı
kart numaram {card}
IBAN: {card}
konumum {place}
{version} sürümüne geçince bozuldu
linke bak {url}
teşekkürler {handle} çok sağ ol
bana bir mesaj at {name}, nokta koyma
mail at bana sonra konuşuruz
fotoğrafı at {site} linkini de ekle
{site} üzerinden aldım, daha ucuz
{date} ile {date} arası kapalıyız
Merhaba, yarın hava nasıl olacak?
Çok teşekkürler, görüşmek üzere!
Dün konuştuğumuz daireyi özetler misin?
maç 3-2 bitti, setler 6-4 7-5
uçuş TK{number} saat 10:45 kapı {number}
müşteri no {order}
T.C. kimlik no {order}
işlem kodu {uuid} tarih {moment}
oturum {uuid} düştü
{number} kişi geldi, {number} kişi gitti
hesap no {order}
vergi no {order} dairesi Girne
seri no {order}
2 adet {price} ürün aldım
at binmeyi severim, nokta atışı oldu
saat 14.30 - 15.45 arası uygunum
dekont {order} ekte
{uuid}
{moment} tarihinde hata aldım
poliçe {order} bitiş {date}
""")


def fill(
    template: str, r: random.Random, hits: dict[str, Hit], decoys: dict[str, Maker]
) -> tuple[str, list[list[object]]]:
    """Write a message out of a template; returns it and the spans of its hits."""
    text, spans = "", []
    for number, part in enumerate(re.split(r"\{(\w+)\}", template)):
        if number % 2 == 0:
            text += part
        elif part in hits:
            kind, form, maker = hits[part]
            made = maker(r)
            spans.append([kind, form, len(text), len(text) + len(made)])
            text += made
        else:
            text += decoys[part](r)
    return text, spans


def lines(
    seed: int,
    messages: int,
    by_language: dict[tuple[str, bool], list[str]],
    hits: dict[str, Hit],
    decoys: dict[str, Maker],
) -> list[str]:
    """Return the JSON lines: two messages of five have hits; templates take turns, some messages are two sentences."""
    r = random.Random(seed)
    made = []
    for number in range(messages):
        lang, hit = "en" if number % 2 else "tr", number % 5 < 2
        turn = by_language[lang, hit]
        text, spans = fill(
            turn[number // 2 % len(turn)] if number // 2 < 3 * len(turn) else r.choice(turn), r, hits, decoys
        )
        if r.random() < 0.15:
            more, _ = fill(r.choice(by_language[lang, False]), r, hits, decoys)
            text = f"{text}{r.choice([chr(10), '. ', '! ', ' 🙂 '])}{more}"
        made.append(json.dumps({"text": text, "lang": lang, "spans": spans}, ensure_ascii=False))
    return made


def write(path: Path, made: list[str]) -> None:
    """Write the file, or with ``--check`` say whether it is what would be written."""
    text = "\n".join(made) + "\n"
    if "--check" in sys.argv:
        if path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path.name} is not what its script makes")
        return
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    SENTENCES = {("en", True): EN_HITS, ("tr", True): TR_HITS, ("en", False): EN_DECOYS, ("tr", False): TR_DECOYS}
    write(Path(__file__).with_name("corpus.jsonl"), lines(SEED, MESSAGES, SENTENCES, HITS, DECOYS))
