# ruff: noqa: E501 (lists of forms read better unbroken)
"""Makes ``held_out.jsonl``: other sentences, names, hosts and ways to hide than ``corpus.jsonl``, for an honest score.

    python tests/pii/make_held_out.py [--check]

Written when the detector was done. At first it found 1.0 of the ordinary forms but 0.891 of the hidden ones, with precision
0.968 and 1.8 % of the decoys hit, for five causes: "-at-" with "-dot-", digits joined by "_", keycaps' last part, "everyone.
com", a sum with "+". They were mended in general; so this score is no longer that of unseen text.
"""

from __future__ import annotations

import random
from pathlib import Path

from make_corpus import DECOYS, Hit, Maker, digits, lines, sentences, words, write

SEED = 7_041_776
MESSAGES = 2200
PEOPLE = words(
    "hasan hüseyin cem gizem kerem pınar william chloe george charlotte costas eleni petros derya selin umut"
)
FAMILIES = words("polat sahin aydin koc white harris clark lewis ioannou charalambous robinson walker tekin bulut")
PLACES = (
    "gazimagusa.net live.com hotmail.co.uk neu.edu.tr bbc.co.uk ntlworld.com yandex.com.tr superonline.com fastmail.fm "
)
SITES = words(PLACES + "primetel.com.cy logosnet.cy.net msn.com gmx.at kktcell.com avukat-bulut.com.tr mit.edu")


def plain(name: str) -> str:
    return name.translate(str.maketrans("ıüöşçğ", "iuoscg"))


def email(r: random.Random) -> str:
    a, b = plain(r.choice(PEOPLE)), r.choice(FAMILIES)
    return f"{r.choice([f'{b}{a[0]}', f'{a}-{b}', f'{a}.{b}.{r.randint(1, 9)}', f'{a}{b}{r.randint(1950, 2010)}', f'x_{a}_x', f'{a}%{b}'])}@{r.choice(SITES)}"


def email_unicode(r: random.Random) -> str:
    return (
        r.choice(PEOPLE)
        + "@"
        + r.choice(["çiçekçi.com", "kuaför.net", "κύπρος.eu", "straße.de", "мир.com", "cafe.com"])
    )


def phone(r: random.Random) -> str:
    t = r.choice(["532", "535", "542", "549", "555", "505", "530", "544", "533"])
    x, y = digits(r, 3), digits(r, 4)
    c = r.choice(["99", "96", "22", "23", "25"]) + digits(r, 6)
    u = r.choice(["7415", "7722", "7851", "7903", "7588"])
    return r.choice([
        f"0{t}{x}{y}", f"0{t} {x} {y[:2]} {y[2:]}", f"+90 {t} {x} {y}", f"+90-{t}-{x}-{y[:2]}-{y[2:]}", f"0 {t} {x} {y}", f"(0{t}){x}{y}",
        f"+90.{t}.{x}.{y}", f"0{t} {x}-{y[:2]}-{y[2:]}", f"{t} {x} {y[:2]} {y[2:]}", f"+90 392 {r.choice(['223', '815', '365'])} {y[:2]} {y[2:]}",
        f"+357{c}", f"+357 {c[:4]} {c[4:]}", f"(+357) {c}", f"00 357 {c}", f"+44{u}{digits(r, 6)}", f"0{u}-{digits(r, 6)}", f"+44 {u} {x} {digits(r, 3)}",
        f"0121 {digits(r, 3, '23456')} {y}", f"01223 {digits(r, 6, '2345')}", f"({r.choice(['646', '718', '404', '503'])}) {digits(r, 3, '2345678')}-{y}",
        f"{r.choice(['646', '718', '404', '503'])}-{digits(r, 3, '2345678')}-{y}", f"+1 {r.choice(['646', '718'])} {digits(r, 3, '2345678')} {y}", f"+49 1512 {digits(r, 7)}",
    ])  # fmt: skip


def bare(r: random.Random) -> str:
    return r.choice([
        "542" + digits(r, 7), "0535" + digits(r, 7), "96" + digits(r, 6), "07722" + digits(r, 6), "646" + digits(r, 7, "2345678"),
    ])  # fmt: skip


def hidden(r: random.Random) -> str:
    a = plain(r.choice(PEOPLE)) + r.choice([".", "", "_"]) + r.choice(FAMILIES)
    site, _, end = r.choice(SITES).partition(".")
    at, dot = r.choice([
        (" at ", " dot "), (" (at) ", "."), ("[at]", "."), ("<at>", "<dot>"), (" {at} ", " {dot} "), (" At ", " Dot "), ("@", " dot "),
        (" [@] ", "."), (" @ ", " . "), ("(a)", "."), (" AT ", " DOT "), (" at ", " nokta "), (" (ät) ", "."), ("@", " nokta "), (" ät ", " nokta "),
        ("-at-", "-dot-"),
    ])  # fmt: skip
    return a + at + site + dot + end.replace(".", dot)


def disguised(r: random.Random) -> str:
    address = f"{plain(r.choice(PEOPLE))}.{r.choice(FAMILIES)}@{r.choice(SITES)}"
    return r.choice([
        address.replace("@", "\u00a0@\u00a0"), address.replace("@", "\ufeff@"), address.replace(".", "\uff0e"), address.replace("@", "\ufe6b"),
        "\u200c".join(address), address.replace("a", "\u00ada"), "".join(chr(ord(c) + 0xFEE0) for c in address),
    ])  # fmt: skip


def odd_phone(r: random.Random) -> str:
    tr = r.choice(["0542", "0535", "0555"]) + digits(r, 7)
    uk = "07722" + digits(r, 6)
    n = r.choice([tr, uk])
    return r.choice([
        "  ".join(n), " - ".join([n[:4], n[4:7], n[7:]]), "\u202f".join([n[:4], n[4:7], n[7:]]), n[:5] + "\u200d" + n[5:], " ".join(n),
        "".join(chr(0x06F0 + int(c)) for c in n), "".join(chr(0x1D7CE + int(c)) for c in n), "\u2013".join([n[:4], n[4:7], n[7:]]), "_".join(n),
        "".join(c + "\ufe0f\u20e3" for c in n), n[:4] + "\u2003" + n[4:], "+90 (" + "\u00a0".join([tr[1:4] + ")", tr[4:7], tr[7:]]),
    ])  # fmt: skip


HITS: dict[str, Hit] = {
    "email": ("email", "ordinary", email),
    "email_unicode": ("email", "ordinary", email_unicode),
    "phone": ("phone", "ordinary", phone),
    "bare": ("phone", "ordinary", bare),
    "hidden": ("email", "obfuscated", hidden),
    "disguised": ("email", "obfuscated", disguised),
    "odd_phone": ("phone", "obfuscated", odd_phone),
}


def meter(r: random.Random) -> str:
    return r.choice(
        [
            digits(r, 9, "123456789"),
            f"{digits(r, 5)}.{digits(r, 3)}",
            f"{digits(r, 4)} {digits(r, 4)} {digits(r, 4)}",
            f"A{digits(r, 8)}",
        ]
    )


def amount(r: random.Random) -> str:
    return r.choice(
        [
            f"{digits(r, 2, '1234')}.{digits(r, 3)}.{digits(r, 3)} TL",
            f"{digits(r, 8, '123456')} USD",
            f"EUR {digits(r, 6, '123')},00",
            f"{digits(r, 7, '12')} lira",
        ]
    )


def log_line(r: random.Random) -> str:
    return r.choice([
        f"[{digits(r, 10, '1')}.{digits(r, 6)}] eth0: link up", f"0x{r.getrandbits(64):016x}", f"pid={digits(r, 5)} tid={digits(r, 8)}",
        f"sha256:{r.getrandbits(256):064x}", f"2026-0{r.randint(1, 9)}-1{r.randint(0, 9)}T10:00:00+03:00", f"span {r.getrandbits(64):016x} took 12.{digits(r, 6)}s",
        f"10.{r.randint(0, 255)}.{r.randint(0, 255)}.1 - - [23/Nov/2026:13:22:28 +0000] 200 {digits(r, 5)}", f"{digits(r, 3)}.{digits(r, 3)}.{digits(r, 3)}.{digits(r, 3)}",
    ])  # fmt: skip


OTHERS: dict[str, Maker] = {
    **DECOYS,
    "meter": meter,
    "amount": amount,
    "log_line": log_line,
    "name": lambda r: r.choice(PEOPLE).title(),
}

EN_HITS = sentences("""
Sure - {email} works best for me
Could you update my details: {email}, {phone}
Tell the landlord to ring {phone} before {number} o'clock
new SIM: {phone}
I paid {amount}; questions to {email}
Reply-To: {email}
Our plumber is {name}, {phone}, very reliable
he never answers {phone}...
Please remove {email_unicode} from the list
whatsapp me on {bare}, ref {order}
phone: {bare}
can u text {bare}? thx
"{name}" <{email}>
{phone} or {phone}, whichever works
Kindly fax it to {phone} by {date}.
Flat {number}, {place}, tel. {phone}
drop me a line: {hidden}
contact {hidden} about the flat
{hidden}
reach us via {disguised} any time
{disguised}
digits spaced so bots can't read it: {odd_phone}
phone {odd_phone}
""")
TR_HITS = sentences("""
Olur, {email} adresime atın lütfen
Bilgilerimi güncelleyin: {email}, {phone}
Ev sahibini {phone} numarasından arar mısınız?
yeni hattım {phone}
Tesisatçı {name} usta {phone}, çok iyi
{amount} yatırdım, dekontu {email} adresine yolladım
lütfen {email_unicode} adresini listeden çıkarın
whatsapptan yazın {bare}
tel: {bare}
Acil durumda {phone} veya {phone} arayın
{phone} bu numara hâlâ sizde mi?
Kargo {order} için iletişim: {phone}
Müşteri {name}: {email}; {phone}
bana {hidden} üzerinden ulaş
e-postam {hidden}
{hidden}
mailim {disguised}
botlar okumasın diye böyle yazdım {odd_phone}
numaram {odd_phone}
""")
EN_DECOYS = sentences("""
My electricity meter reads {meter}, last time {meter}
rent went up to {amount} from {amount}
{log_line}
why do I get this: {log_line}
the parcel {order} left on {date}
I was born on {date}, passport {meter}
refund of {amount} for {order} please
Could we go for dinner at 8.30? Dot said yes.
I'm at work. Dot matrix printers are loud.
she sells cakes at {site} every week
we bought two at {site}, total {price}
ask {handle} or {handle}
docs live at {url} and {url}
room {number}, floor {number}, building {number}
lat/long {place}
card ending {number}, full one {card}
Is the flat in Girne still available? It had 3+1 rooms and cost {price}.
remember what I told you about my sister's wedding
chapter 1.2.3.4, page {number}
my id is {uuid} and my thread is {uuid}
EAN {order} ISBN 978-{number}-{number}-1
wifi password is {meter}
{moment} ERROR worker {ip} {uuid}
polls: 45-38, 51-40, 2019-2023, 1990-2000
it weighs 12 345 678 g
the dog barked at everyone. com on!
{version} vs {version}
{price} + {price} = {price}
call the API with id {uuid} at {moment}
call me at 10:30 on {date}
""")
TR_DECOYS = sentences("""
Sayaç {meter}, geçen ay {meter}
kira {amount} oldu, önce {amount} idi
{log_line}
bu hata neden: {log_line}
{order} nolu paket {date} günü çıktı
doğum tarihim {date}, pasaport {meter}
{order} için {amount} iade lütfen
Yarın saat 20.30'da yemek? Nokta.
konum at {name}, geliyorum
bana ekran görüntüsü at lütfen, nokta atışı olsun
{site} sitesinden iki tane aldım, toplam {price}
{handle} ile {handle} bilir
kat {number} daire {number} blok {number}
enlem boylam {place}
kartım {card} çalışmıyor
Girne'deki ev hâlâ boş mu? 3+1 idi, {price} istiyorlardı.
geçen hafta anlattığım düğünü hatırla
madde 1.2.3.4 sayfa {number}
kimliğim {uuid} oturumum {uuid}
barkod {order}
wifi şifresi {meter}
{moment} HATA {ip} {uuid}
nüfus 85 279 553 kişi
{version} ile {version} farkı
{price} + {price} = {price}
beni {date} günü saat 10:30'da ara
at yarışı at meydanı at arabası
""")

if __name__ == "__main__":
    SENTENCES = {("en", True): EN_HITS, ("tr", True): TR_HITS, ("en", False): EN_DECOYS, ("tr", False): TR_DECOYS}
    write(Path(__file__).with_name("held_out.jsonl"), lines(SEED, MESSAGES, SENTENCES, HITS, OTHERS))
