# ruff: noqa: E501, N802, SIM905 (frames and lists read better unbroken; a capital stands for a hidden form)
"""Makes ``fresh.jsonl``: chat about flats, orders and travel, written by somebody who had not read ``guard/pii``.

python tests/pii/make_fresh.py [--check]

The first score: ordinary forms 328 of 330, hidden ones 118 of 129, findings 446 of 447 right, decoys 1 of 520 hit.
Missed were entities, "(kuyruklu a)" in brackets, groups in brackets or joined by "_", and inflected verbs for calling.
They were mended in general; so this score is no longer that of unseen text. ``by_hand.txt`` came after.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import random
import re
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

SEED = 20_261_123
HITS, DECOYS = 380, 520
HERE = Path(__file__).parent

FIRST = "ayşe fatma mehmet zeynep burak oğuz çiğdem şule ibrahim nazlı tom sarah james olivia hannah liam andreas maria giorgos yiannis kemal nur ece mert priya wei".split()
LAST = "yılmaz öztürk kılıç güneş arslan çelik taylor brown o'neil mcgregor smith-jones georgiou nicolaou papadopoulos demir şahin korkmaz patel chen garcia".split()
HOSTS = "gmail.com hotmail.com outlook.com yahoo.co.uk icloud.com protonmail.com yandex.ru mynet.com windowslive.com kibris.net emu.edu.tr metu.edu.tr cyta.com.cy rightmove.co.uk emlakjet.com sahibinden.com nhs.net zoho.eu remax.com.tr mail.example.org bilkent.edu.tr".split()
IDN_HOSTS = "türkçe-emlak.com çiçekçi.com.tr güneşevleri.net müller-reisen.de διακοπές.gr köşk.istanbul kıbrıs-villa.com xn--iekilik-p9a6o.com".split()
SHORT_HOSTS = "gmail hotmail outlook yahoo icloud yandex".split()


def ascii_of(text: str) -> str:
    return text.translate(str.maketrans("ığüşöçİĞÜŞÖÇ", "igusocIGUSOC"))


def pick(r: random.Random, *choices: str) -> str:
    return r.choice(choices)


def number(r: random.Random, mask: str) -> str:
    """``#`` a digit, ``%`` a digit from 2 to 9."""
    return re.sub("[#%]", lambda m: str(r.randint(2 if m[0] == "%" else 0, 9)), mask)


# Addresses


def user(r: random.Random) -> str:
    a, b = ascii_of(r.choice(FIRST)), ascii_of(r.choice(LAST)).replace("'", "").replace("-", "")
    return pick(
        r,
        f"{a}.{b}",
        f"{a}{r.randint(1, 99)}",
        f"{a[0]}{b}",
        f"{a}_{b}",
        f"{b}.{a}.{r.randint(60, 99)}",
        a,
        f"{a}-{b}",
        f"{a}{b}",
    )


def plain_user(r: random.Random) -> str:
    a, b = ascii_of(r.choice(FIRST)), ascii_of(r.choice(LAST)).replace("'", "").replace("-", "")
    return pick(r, f"{a}.{b}", f"{a}{r.randint(1, 99)}", f"{a[0]}{b}", f"{a}_{b}", f"{a}{b}")


def e_plain(r: random.Random) -> str:
    return f"{user(r)}@{r.choice(HOSTS)}"


def e_tag(r: random.Random) -> str:
    return f"{user(r)}+{pick(r, 'ev', 'kira', 'travel', 'orders2026')}@{r.choice(HOSTS)}"


def e_idn(r: random.Random) -> str:
    return f"{pick(r, 'info', 'satis', 'bilgi', user(r))}@{r.choice(IDN_HOSTS)}"


def e_unicode_user(r: random.Random) -> str:
    return f"{r.choice(FIRST)}.{r.choice(LAST).split(chr(39))[0]}@{r.choice(HOSTS + IDN_HOSTS)}"


def e_case(r: random.Random) -> str:
    text = e_plain(r)
    return pick(r, text.upper(), text.title())


EMAIL = [e_plain, e_plain, e_plain, e_tag, e_idn, e_unicode_user, e_case]


def parts(r: random.Random) -> tuple[str, list[str]]:
    return plain_user(r), r.choice(HOSTS[:-2]).split(".")


def E_words(r: random.Random) -> str:
    name, host = parts(r)
    return f"{name} at {' dot '.join(host)}"


def E_caps(r: random.Random) -> str:
    name, host = parts(r)
    return f"{name} AT {' DOT '.join(host)}"


def E_brackets(r: random.Random) -> str:
    name, host = parts(r)
    a, z = pick(r, "[]", "()", "{}", "<>", "||", "**")
    at, dot = r.choice([("at", "dot"), ("AT", "DOT"), ("@", "."), ("at", "nokta")])
    gap = pick(r, "", " ")
    return f"{name}{gap}{a}{at}{z}{gap}" + f"{gap}{a}{dot}{z}{gap}".join(host)


def E_brackets_at_only(r: random.Random) -> str:
    name, host = parts(r)
    return name + pick(r, "[at]", "(at)", " (at) ", " [at] ", "{at}", " (a) ") + ".".join(host)


def E_turkish(r: random.Random) -> str:
    name, host = parts(r)
    at = pick(
        r, " [at] ", " (et) ", " et ", " at ", " (kuyruklu a) ", " kuyruklu a ", " [kuyruklu a] ", " (kuyruklua) "
    )
    dot = pick(r, " [nokta] ", " nokta ", " (nokta) ")
    return f"{name}{at}{dot.join(host)}"


def E_turkish_spelled_user(r: random.Random) -> str:
    a, b = ascii_of(r.choice(FIRST)), ascii_of(r.choice(LAST)).split("'")[0].split("-")[0]
    return f"{a} nokta {b} {pick(r, 'kuyruklu a', 'at', 'et')} {pick(r, *SHORT_HOSTS)} nokta com"


def E_english_spelled_user(r: random.Random) -> str:
    a, b = ascii_of(r.choice(FIRST)), ascii_of(r.choice(LAST)).split("'")[0].split("-")[0]
    return f"{a} {pick(r, 'dot', 'underscore', 'dash')} {b} at {pick(r, *SHORT_HOSTS)} dot com"


def E_spaces(r: random.Random) -> str:
    name, host = parts(r)
    return f"{name} @ {pick(r, ' . ', '.', '. ').join(host)}"


def E_wide(r: random.Random) -> str:
    text = f"{plain_user(r)}@{r.choice(HOSTS)}"
    some = pick(r, "@", "@.", "all")
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and (some == "all" or c in some) else c for c in text)


def E_entity(r: random.Random) -> str:
    return f"{plain_user(r)}{pick(r, '&#64;', '%40', '&#x40;', '&commat;')}{r.choice(HOSTS)}"


def E_zero_width(r: random.Random) -> str:
    text = f"{plain_user(r)}@{r.choice(HOSTS)}"
    at = text.index("@") + r.choice([0, 1])
    return text[:at] + pick(r, "\u200b", "\u2060", "\u00ad", "\u200d") + text[at:]


def E_joined(r: random.Random) -> str:
    name, host = parts(r)
    name = name.replace("_", ".")
    return pick(
        r, f"{name}_at_{'_dot_'.join(host)}", f"{name}-at-{'-dot-'.join(host)}", f"{name}(at){'(dot)'.join(host)}"
    )


def E_nospam(r: random.Random) -> str:
    name, host = parts(r)
    return f"{name}@{pick(r, 'NOSPAM.', 'REMOVETHIS.')}{'.'.join(host)}"


OBSCURE_EMAIL = [
    E_words,
    E_words,
    E_caps,
    E_brackets,
    E_brackets_at_only,
    E_turkish,
    E_turkish,
    E_turkish_spelled_user,
    E_english_spelled_user,
    E_spaces,
    E_wide,
    E_entity,
    E_zero_width,
    E_joined,
    E_nospam,
]


# Numbers: ranges that are in use


def tr_mobile(r: random.Random) -> str:
    return pick(
        r,
        "530",
        "532",
        "533",
        "535",
        "536",
        "541",
        "542",
        "544",
        "545",
        "551",
        "552",
        "553",
        "505",
        "506",
        "507",
        "555",
    ) + number(r, "%######")


def tr_land(r: random.Random) -> str:
    return pick(r, "212", "216", "312", "232", "242", "224", "322", "392") + number(r, "%######")


def grouped(digits: str, sizes: str, glue: str) -> str:
    out, at = [], 0
    for size in map(int, sizes):
        out.append(digits[at : at + size])
        at += size
    assert at == len(digits), (digits, sizes)
    return glue.join(out)


def p_tr(r: random.Random) -> str:
    n = r.choice([tr_mobile, tr_mobile, tr_land])(r)
    glue = pick(r, " ", " ", "-", ".")
    shape = r.randint(0, 7)
    if shape == 0:
        return "0" + n
    if shape == 1:
        return f"+90{n}"
    if shape == 2:
        return "0" + grouped(n, "3322", glue)
    if shape == 3:
        return "+90" + glue + grouped(n, "3322", glue)
    if shape == 4:
        return f"0({n[:3]}) {grouped(n[3:], '322', ' ')}"
    if shape == 5:
        return f"(0{n[:3]}) {grouped(n[3:], '322', ' ')}"
    if shape == 6:
        return "0 " + grouped(n, "334", " ")
    return f"+90 ({n[:3]}) {grouped(n[3:], '322', pick(r, ' ', '-'))}"


def p_tr_bare(r: random.Random) -> str:
    return grouped(tr_mobile(r), "3322", pick(r, " ", " ", "-"))


def p_kktc(r: random.Random) -> str:
    n = pick(r, "223", "227", "228", "444", "366", "815", "822") + number(r, "####")
    m = pick(r, "53382", "53384", "53386", "53387", "54285", "54286", "54288") + number(r, "#####")
    return pick(
        r,
        f"0392 {n[:3]} {n[3:5]} {n[5:]}",
        f"+90 392 {n[:3]} {n[3:]}",
        f"0 392 {n[:3]} {n[3:]}",
        f"(0392) {n}",
        f"0{m[:3]} {m[3:6]} {m[6:8]} {m[8:]}",
        f"+90{m}",
        f"0{m}",
        f"+90 {m[:3]} {m[3:6]} {m[6:]}",
        f"00 90 {m[:3]} {m[3:6]} {m[6:]}",
        f"0090{m}",
    )


def p_cy(r: random.Random) -> str:
    n = pick(r, "99", "97", "96", "95") + number(r, "######")
    f = pick(r, "22", "24", "25", "26") + number(r, "%#####")
    return pick(
        r,
        f"+357 {n[:2]} {n[2:]}",
        f"+357{n}",
        f"+357 {n[:2]} {n[2:5]} {n[5:]}",
        f"00357 {f[:2]} {f[2:]}",
        f"+357-{f[:2]}-{f[2:]}",
        f"(+357) {f}",
    )


def p_uk(r: random.Random) -> str:
    m = "7" + pick(r, "400", "500", "700", "711", "780", "785", "890", "912", "957") + number(r, "######")
    london = "20" + pick(r, "7", "8") + number(r, "%######")
    leeds = "113" + "2" + number(r, "######")
    return pick(
        r,
        f"0{m[:4]} {m[4:]}",
        f"0{m[:4]} {m[4:7]} {m[7:]}",
        f"+44{m}",
        f"+44 {m[:4]} {m[4:]}",
        f"+44 (0){m[:4]} {m[4:]}",
        f"020 {london[2:6]} {london[6:]}",
        f"+44 20 {london[2:6]} {london[6:]}",
        f"(020) {london[2:6]} {london[6:]}",
        f"0113 {leeds[3:6]} {leeds[6:]}",
        f"0{m}",
        f"+44 (0) 20 {london[2:6]} {london[6:]}",
    )


def p_us(r: random.Random) -> str:
    n = pick(r, "212", "415", "646", "305", "702", "312", "617", "206", "512") + number(r, "%") + number(r, "%#####")
    if n[4:6] == "11":
        n = n[:4] + "23" + n[6:]
    return pick(
        r,
        f"({n[:3]}) {n[3:6]}-{n[6:]}",
        f"{n[:3]}-{n[3:6]}-{n[6:]}",
        f"+1 {n[:3]} {n[3:6]} {n[6:]}",
        f"+1-{n[:3]}-{n[3:6]}-{n[6:]}",
        f"1-{n[:3]}-{n[3:6]}-{n[6:]}",
        f"+1{n}",
        f"{n[:3]}.{n[3:6]}.{n[6:]}",
        f"+1 ({n[:3]}) {n[3:6]}-{n[6:]}",
    )


PHONE = [p_tr, p_tr, p_tr, p_tr_bare, p_kktc, p_kktc, p_cy, p_uk, p_uk, p_us]


def P_spaced(r: random.Random) -> str:
    digits = "0" + tr_mobile(r) if r.random() < 0.6 else "07" + number(r, "9########")
    return pick(r, " ", " ", "-", ".", "\u00a0").join(digits)


def P_wide(r: random.Random) -> str:
    text = r.choice([p_tr, p_kktc, p_uk])(r)
    return "".join(chr(ord(c) + 0xFEE0) if c.isdigit() or c in "+()" else c for c in text)


def P_space(r: random.Random) -> str:
    text = r.choice(
        [lambda r: "0" + grouped(tr_mobile(r), "3322", " "), lambda r: "+90 " + grouped(tr_mobile(r), "3322", " ")]
    )(r)
    return text.replace(" ", pick(r, "\u00a0", "\u202f", "\u2009", "\u2007", "  "))


def P_dash(r: random.Random) -> str:
    return ("0" + grouped(tr_mobile(r), "3322", "-")).replace(
        "-", pick(r, "\u2013", "\u2011", "\u2212", " - ", "/", " / ", "_")
    )


def P_arabic(r: random.Random) -> str:
    return ("0" + grouped(tr_mobile(r), "3322", " ")).translate(
        str.maketrans("0123456789", pick(r, "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"))
    )


def P_pairs(r: random.Random) -> str:
    return (
        grouped("0" + tr_mobile(r) + "", "22223", " ")
        if r.random() < 0.5
        else grouped("0" + tr_mobile(r), "4322", "  ")
    )


def P_zero_width(r: random.Random) -> str:
    text = "0" + tr_mobile(r)
    return text[:4] + pick(r, "\u200b", "\u2060", "\u00ad") + text[4:]


def P_brackets(r: random.Random) -> str:
    n = tr_mobile(r)
    return pick(
        r,
        f"[0{n[:3]}] {n[3:6]} {n[6:]}",
        f"0{n[:3]} [{n[3:6]}] {n[6:]}",
        f"(0{n[:3]})({n[3:6]})({n[6:]})",
        f"0.{n[:3]}.{n[3:6]}.{n[6:8]}.{n[8:]}",
        f"{{0{n[:3]}}} {n[3:]}",
    )


def P_plus_word(r: random.Random) -> str:
    n = tr_mobile(r)
    return pick(
        r, f"+ 90 {n[:3]} {n[3:6]} {n[6:]}", f"+9 0 {n[:3]} {n[3:6]} {n[6:]}", f"90 {n[:3]} {n[3:6]} {n[6:8]} {n[8:]}"
    )


OBSCURE_PHONE = [
    P_spaced,
    P_spaced,
    P_wide,
    P_wide,
    P_space,
    P_space,
    P_dash,
    P_arabic,
    P_pairs,
    P_zero_width,
    P_brackets,
    P_plus_word,
]

HIT_FRAMES = """
Merhaba, 2+1 daire için yazıyorum, bana {p} numarasından ulaşabilirsiniz.
Selam, {d} için dönüş yapar mısınız? mail: {e}
numaram {p}, akşam 7'den sonra müsaitim
WhatsApp'tan yazın lütfen {p}
{p} ararsanız sevinirim, {d}
Ev sahibi: Hasan Bey {p}
Tapu bilgilerini {e} adresine gönderdim, kontrol eder misiniz?
Faturayı {e}'a yollar mısın
maili {e} olarak güncelleyin lütfen, eskisi {e} idi
eşimin numarası {p}, benimki {p}
Rezervasyon için {e} veya {p}
tel:{p} mail:{e}
Girne'deki villa için emlakçı {e} diye bir adres vermişti
Kargo gelince {p}'den arasınlar, {d}
İletişim bilgilerim: {p} / {e}
{e}
{p}
Bilet onayı {e} hesabına gelmedi, {d}
Uçuşla ilgili {p} no'lu hattı aradım ama açan olmadı
Kiracının telefonu ({p}) cevap vermiyor
Lefkoşa ofis {p}, Mağusa ofis {p}
Lütfen {p} numaralı telefona sms atın; {d}.
Abi {p} bu benim yeni hat
şu adrese cv attım: <{e}>
E-posta adresim "{e}", doğru mu kayıtlı?
Hi, is the flat still available? You can text me on {p}.
My email is {e}, could you send the floor plan?
Please forward the boarding passes to {e} and {e}.
call {p} and ask for Maria
Landlord's mobile: {p}. Rent is {d}.
I'm on {p} until Friday, after that {p}
We changed our email from {e} to {e}; please update the booking.
Contact ({e}) didn't answer about order
Could you ring me back on {p}? Regarding {d}.
Reply-To: {e}
[{e}](mailto:{e})
the agent ({p}) never picks up
Signed up with {e}, but the confirmation never came...
here: {p}, ask for the keys; {d}
Tel. {p}, Fax {p}
Is {e} the right address for complaints?
My WhatsApp is {p} :)
Hotel said to email {e}, then they gave me {p} instead
Send it to {e}!
Thanks! - Tom, {p}
what's the difference between {e} and {e}?
name=Tom&mail={e}
{e},{e};{e}
I left my number ({p}) with the concierge at {d}
phone:{p}
Adım Ece, mailim {e}. {d} hakkında bilgi alabilir miyim?
Bana {E} üzerinden yazın
mail adresim {E} , {d}
spam olmasın diye böyle yazıyorum: {E}
İlan için: {E} yazabilirsiniz
iletişim {E}
{E}
numaramı böyle yazayım: {P}
sistem engelliyor o yüzden {P}
Ara beni {P} teşekkürler
cebim {P}, unutma
{P}
tel {P} , {d}
Emlakçının maili: {E}
Please write to {E}
you can reach me: {E}
my email: {E}, thanks!
The site hides addresses, so: {E}
drop me a line, {E}
Contact is {E} for the viewing on Monday
mail me ({E}) about the villa
Email - {E}
text me: {P}
my number is {P}, don't share it
the filter eats it, so {P}
call {P} after six
phone = {P}
His mobile: {P}. {d}
I wrote the number as {P} on the form
Fiyat {d} ise beni arayın: {P}
{E} / {P}
""".strip().splitlines()


# What is to stay


def d_date(r: random.Random) -> str:
    d = datetime(2019, 1, 1, tzinfo=UTC) + timedelta(seconds=r.randint(0, 300_000_000))
    month = "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık".split()[d.month - 1]
    return pick(
        r,
        d.strftime("%d.%m.%Y"),
        d.strftime("%d/%m/%Y"),
        d.strftime("%m/%d/%Y"),
        d.strftime("%Y-%m-%d"),
        d.strftime("%d-%m-%Y"),
        d.strftime("%d %B %Y"),
        f"{d.day} {month} {d.year}",
        d.strftime("%B %d, %Y"),
        d.strftime("%d.%m.%y"),
        d.strftime("%Y%m%d"),
        d.strftime("%Y/%m/%d"),
        d.strftime("%d.%m.%Y %H:%M"),
        d.strftime("%Y-%m-%d %H:%M:%S"),
        d.strftime("%d . %m . %Y"),
        d.strftime("%d.%m.%Y") + " - " + (d + timedelta(days=9)).strftime("%d.%m.%Y"),
        d.strftime("%Y-%m-%d") + " to " + (d + timedelta(days=30)).strftime("%Y-%m-%d"),
        d.strftime("%d %m %Y"),
    )


def d_time(r: random.Random) -> str:
    h, m = r.randint(7, 20), r.randint(0, 59)
    return pick(
        r,
        f"{h}:{m:02}",
        f"{h:02}.{m:02}",
        f"{h:02}:{m:02}:{r.randint(0, 59):02}",
        f"{h:02}:00-{h + 2:02}:30",
        f"{h:02}.00 - {h + 3:02}.30",
        f"{h:02}:{m:02}:05.{r.randint(0, 999):03}",
    )


def d_iso(r: random.Random) -> str:
    d = datetime(2019, 1, 1, tzinfo=UTC) + timedelta(seconds=r.randint(0, 300_000_000))
    return d.strftime(
        pick(
            r,
            "%Y-%m-%dT%H:%M:%SZ",
            "%Y-%m-%dT%H:%M:%S+03:00",
            "%Y-%m-%dT%H:%M:%S.123456Z",
            "%Y%m%dT%H%M%SZ",
            "%Y-%m-%d %H:%M:%S,123",
            "%a, %d %b %Y %H:%M:%S +0000",
        )
    )


def d_unix(r: random.Random) -> str:
    t = r.randint(1_500_000_000, 1_790_000_000)
    return pick(r, str(t), str(t * 1000 + 123), f"{t}.{r.randint(0, 999999):06}")


def d_price(r: random.Random) -> str:
    n = r.choice([r.randint(100, 9_999), r.randint(10_000, 999_999), r.randint(1_000_000, 90_000_000)])
    us = f"{n:,}"
    tr = us.replace(",", ".")
    return pick(
        r,
        f"{tr} TL",
        f"{tr},00 TL",
        f"{us}.00 USD",
        f"${us}",
        f"£{us}",
        f"€{tr}",
        f"{tr} ₺",
        f"{us} GBP",
        f"{n} TL",
        f"₺{tr},50",
        f"{us.replace(',', ' ')} EUR",
        f"{us.replace(',', chr(0xA0))} €",
        f"{us} stg",
        f"£{us} pcm",
        f"{tr} - {tr[:-1]}5 TL",
        f"{us}/month",
    )


def d_order(r: random.Random) -> str:
    return pick(
        r,
        number(r, "%#########"),
        number(r, "%#######"),
        number(r, "###-#######-#######"),
        "ORD-" + number(r, "2026-######"),
        "#" + number(r, "%#######"),
        "SP" + number(r, "##########"),
        number(r, "%###-####-####"),
        "TR" + number(r, "#########") + "TR",
        number(r, "%###########"),
        number(r, "% ### ### ###"),
        "INV/" + number(r, "2026/#####"),
    )


def d_tracking(r: random.Random) -> str:
    return pick(
        r,
        "1Z999AA1" + number(r, "##########"),
        number(r, "9400 1%## #### #### #### ##"),
        "RR" + number(r, "#########") + "GB",
        number(r, "%###########"),
        number(r, "JD0146#############"),
        number(r, "7%## #### ####"),
    )


def d_ip(r: random.Random) -> str:
    v4 = str(ipaddress.IPv4Address(r.getrandbits(32)))
    v6 = ipaddress.IPv6Address(r.getrandbits(128))
    return pick(
        r,
        v4,
        v4,
        f"{v4}:{r.randint(1000, 65000)}",
        f"{v4}/24",
        str(v6),
        f"[{v6.compressed}]:8080",
        "192.168.1." + str(r.randint(2, 254)),
        "2001:db8::" + number(r, "%###"),
    )


def d_uuid(r: random.Random) -> str:
    u = uuid.UUID(int=r.getrandbits(128), version=4)
    return pick(r, str(u), str(u).upper(), u.hex, f"{{{u}}}", f"urn:uuid:{u}")


def d_iban(r: random.Random) -> str:
    tr = number(r, "TR## 0006 #### #### #### #### ##")
    return pick(
        r,
        tr,
        tr.replace(" ", ""),
        number(r, "GB## BARC #### #### #### ##"),
        number(r, "CY## 0020 #### #### #### #### ####"),
    )


def d_card(r: random.Random) -> str:
    return pick(
        r,
        number(r, "4### #### #### ####"),
        number(r, "5%##-####-####-####"),
        number(r, "4###############"),
        "**** **** **** " + number(r, "####"),
        number(r, "37## ###### #####"),
    )


def d_geo(r: random.Random) -> str:
    a, b = f"{r.uniform(34.5, 41.5):.6f}", f"{r.uniform(26, 44):.6f}"
    return pick(
        r, f"{a}, {b}", f"{a},{b}", f"-{a} {b}", f"{a}° N {b}° E", "35°11'08.2\"N 33°22'56.1\"E", f"geo:{a},{b}"
    )


def d_version(r: random.Random) -> str:
    return pick(
        r,
        number(r, "v%.#.##"),
        number(r, "%.##.#-rc1"),
        number(r, "iOS 1%.#.#"),
        number(r, "Chrome/1%#.0.####.##"),
        number(r, "python 3.1#.%"),
        number(r, "%#.#.####.####"),
        number(r, "redis==5.%.#"),
    )


def d_isbn(r: random.Random) -> str:
    return pick(
        r,
        number(r, "978-0-##-######-#"),
        number(r, "ISBN 978##########"),
        number(r, "ISBN 0-###-#####-#"),
        number(r, "978 605 ### ### #"),
    )


def d_home(r: random.Random) -> str:
    return pick(
        r,
        number(r, "1%# m²"),
        number(r, "%.### m2 arsa"),
        "2+1",
        "3+1, 145 m2",
        "4+2 dubleks",
        number(r, "D:1%"),
        number(r, "No: %# Daire: %"),
        number(r, "Flat %#, 1%# High Street"),
        number(r, "ada 1%## parsel %#"),
        number(r, "1%## sq ft"),
        "1+0 stüdyo 35 m2",
        number(r, "kat %/1#"),
        number(r, "blok B kat % daire 1#"),
        number(r, "pafta 2# ada 1%## parsel 1%#"),
    )


def d_hash(r: random.Random) -> str:
    h = f"{r.getrandbits(256):064x}"
    return pick(
        r,
        h,
        h[:40],
        h[:32],
        h[:7],
        "0x" + h[:16],
        "#" + h[:6],
        "sha256:" + h,
        h[:8] + "@" + h[8:12],
        "0x" + number(r, "##########"),
    )


def d_url(r: random.Random) -> str:
    n = number(r, "%#########")
    return pick(
        r,
        f"https://www.sahibinden.com/ilan/{n}/detay",
        f"https://example.com/order?id={n}&t={r.randint(1_600_000_000, 1_700_000_000)}",
        f"http://10.0.0.{r.randint(2, 99)}:8000/api/v1/items/{n}",
        f"https://maps.google.com/?q=35.{number(r, '######')},33.{number(r, '######')}",
        f"https://medium.com/@emlak_{r.randint(1, 99)}/post-{n}",
        f"https://t.me/ilan{n}",
        f"https://youtu.be/{number(r, 'a#b##c#d')}",
        "https://www.npmjs.com/package/@angular/core",
        f"https://rightmove.co.uk/properties/{n}#/?channel=RES_BUY",
    )


def d_handle(r: random.Random) -> str:
    a = ascii_of(r.choice(FIRST))
    return pick(
        r,
        f"@{a}_{r.randint(1, 99)}",
        f"@{a}",
        f"@{a}.emlak",
        "@app.route('/login')",
        "@pytest.fixture",
        "@media (min-width: 768px)",
        "git@github.com:acme/site",
        "@types/node@18.2.1",
        "user@localhost",
        "a @ b",
        "A@B matrix",
        "react@18.2.0",
        "@dataclass(frozen=True)",
        "5 @ 3.50 each",
        "12 pcs @ $4.99",
        "x = A @ B.T",
    )


def d_ids(r: random.Random) -> str:
    return pick(
        r,
        number(r, "TC kimlik 1%#########"),
        number(r, "passport U########"),
        number(r, "vergi no %#########"),
        number(r, "PNR X%K#LM"),
        number(r, "TK19%#"),
        number(r, "seat 1%A"),
        number(r, "plaka 34 ABC 1%#"),
        number(r, "barkod 869%#########"),
        number(r, "IMEI 35%############"),
        number(r, "NHS 4%# ### ####"),
        number(r, "SKU-%####-##"),
        number(r, "ilan no 1%########"),
        number(r, "müşteri no %#######"),
        number(r, "case 5%######"),
    )


def d_maths(r: random.Random) -> str:
    return pick(
        r,
        number(r, "1%## x 2%# = 3%####"),
        number(r, "%# + 1# = 4#"),
        "3.14159265358979",
        "1 2 3 4 5 6 7 8 9 10",
        number(r, "%.#e-0%"),
        number(r, "%#,%#,%#,%#,%#,%#"),
        number(r, "(1%, 2%, 3%, 4%)"),
        number(r, "%#% (1%#/2%#)"),
        "2-3-5-7-11-13",
        "10-9-8-7-6-5-4-3-2-1",
        "1/2 + 1/3",
        number(r, "%##x%##x%## cm"),
        number(r, "07/2%#"),
        number(r, "2019-2020-2021-2022"),
        "100 200 300 400",
    )


DECOY_VALUES = [
    d_date,
    d_time,
    d_iso,
    d_unix,
    d_price,
    d_price,
    d_order,
    d_tracking,
    d_ip,
    d_uuid,
    d_iban,
    d_card,
    d_geo,
    d_version,
    d_isbn,
    d_home,
    d_hash,
    d_url,
    d_handle,
    d_ids,
    d_maths,
]

DECOY_FRAMES = """
{date} tarihinde {price} ödedim, makbuz no {order}
sipariş {order} nerede kaldı? kargo {tracking}
{home} daire {price}, pazarlık var mı
ev {home}, {home}, fiyatı {price}
IBAN: {iban} alıcı Kemal
kira {price} depozito {price} aidat {price}
toplantı {date} saat {time} uygun mu
konum: {geo}
ilan linki {url}
{time} gibi orada olurum, {home}
uçuş {ids} {date} {time}
sunucu {ip} cevap vermiyor, hata {iso}
kayıt id {uuid}, zaman {unix}
Kartım {card} ile {price} çekilmiş
sürüm {version} kuruldu, hash {hash}
Instagram {handle} hesabından gördüm
{ids} ile ilgili bilgi almak istiyorum
{maths}
{order}
{date}
{price}
{unix}
{ip}
{card}
{iban}
{tracking}
{isbn} kitabını arıyorum
Telefon {price} olmuş, iPhone 15 Pro 256 GB
telefonum bozuldu, sipariş no {order}
beni {date} {time} gibi arayın
{time} ile {time} arası aramayın lütfen
tel çekme işlemi {date} bitti, tutar {price}
hat numarası değil, müşteri no {order}
nokta atışı bir teklif: {price}
at yarışı {time} başlıyor, kupon {order}
Saat {time}'te meydanda, at heykelinin yanında
Meet at noon dot on the corner of {home}
We met at Starbucks dot the i's later
look at table dot notation in {version}
Arrive at 5 dot sharp at gate {maths}
he works at amazon.com and lives at {home}
I bought it at ebay.co.uk for {price}
Find us at booking.com, ref {order}
sign in at example.org at {time}
she is good at node.js and at vue.js
the meeting is at {time} at acme.com headquarters
alışverişi at trendyol.com diye yazmış
et fiyatı {price}, süt {price}
etli nokta börek {price}
order {order} was {price}, paid {date}
Invoice {order} due {date}: {price}
The flat is {home}, asking {price}
flight {ids} departs {time} on {date}
booking {order}, check-in {date}, check-out {date}, {price}
My card {card} was charged twice at {time}
server {ip} returned 500 at {iso}
trace {uuid} / {hash}
commit {hash} broke {version}
coordinates {geo}, about {maths}
tracking {tracking} says delivered {date}
ISBN is {isbn}
call me at {time} on {date}
phone costs {price}, the case {price}
my phone is on {version} and crashes
mobile data {maths} GB, bill {price}
text me before {time}, I'll be at {home}
can I call between {time} and {time}? ref {order}
Number of guests: {maths}, dates {date}
what does {handle} mean in python?
why does `{handle}` fail with {version}
DM {handle} or {handle}
see {url} and {url}
{url}
{uuid}
log: {iso} INFO {ip} "GET /api/{order} HTTP/1.1" 200 {order}
timestamp {unix} vs {iso}
total = {maths}
CSV: {order},{date},{price},{time}
{order} {order} {order}
between {date} and {date} it was {price} to {price}
I'll be at the airport dot dot dot maybe {time}
dot com bubble at its peak, {date}
Fiyat listesi: {price}, {price}, {price}
{date}, {date}, {date}
{iso} {iso}
sayaç no {order}, okuma {maths}
vergi levhası {ids}, tarih {date}
arsa {home}, metrekaresi {price}
plan: {date} {time} görüşme, {date} {time} imza
""".strip().splitlines()

VALUES: dict[str, Callable[[random.Random], str]] = {f.__name__[2:]: f for f in DECOY_VALUES}


def filled(r: random.Random, frame: str) -> dict[str, object]:
    text, at, spans = "", 0, []
    for hit in re.finditer(r"\{(\w+)\}", frame):
        text += frame[at : hit.start()]
        at = hit.end()
        makers = {"e": EMAIL, "p": PHONE, "E": OBSCURE_EMAIL, "P": OBSCURE_PHONE, "d": DECOY_VALUES}.get(hit[1])
        value = r.choice(makers)(r) if makers else VALUES[hit[1]](r)
        if hit[1] in "eEpP":
            kind = "email" if hit[1] in "eE" else "phone"
            spans.append([kind, "ordinary" if hit[1].islower() else "obfuscated", len(text), len(text) + len(value)])
        text += value
    return {"text": text + frame[at:], "spans": spans}


def lines() -> list[str]:
    r = random.Random(SEED)
    messages = [filled(r, HIT_FRAMES[i % len(HIT_FRAMES)]) for i in range(HITS)]
    messages += [filled(r, DECOY_FRAMES[i % len(DECOY_FRAMES)]) for i in range(DECOYS)]
    r.shuffle(messages)
    return [json.dumps(message, ensure_ascii=False) for message in messages]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    path, made = HERE / "fresh.jsonl", "\n".join(lines()) + "\n"
    if not parser.parse_args().check:
        path.write_text(made, encoding="utf-8")
    elif path.read_text(encoding="utf-8") != made:
        sys.exit(f"{path.name} is not what {Path(__file__).name} makes: run it without --check")


if __name__ == "__main__":
    main()
