# ruff: noqa: RUF001 (Turkish has an i without a dot)
"""Words around an address or a number that say what it is, in English and Turkish.

Gathered by reading chats and orders, not from a standard; a word too many costs a miss, one too few a false alarm.
"""

from __future__ import annotations

import re

__all__ = [
    "AMBIGUOUS_TLDS",
    "DETERMINERS",
    "EMAIL_WORD",
    "NOT_A_HOST",
    "NOT_A_NAME",
    "PROVIDERS",
    "TLDS",
    "said_after",
    "said_before",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _stems(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PROVIDERS = _words(
    """
    gmail googlemail hotmail outlook yahoo ymail icloud protonmail proton live msn aol gmx yandex mynet mail zoho
    fastmail tutanota windowslive
    """
)
"""Hosts that give out mailboxes: an ``at`` before one means an address."""

TLDS = _words(
    """
    com net org edu gov mil int info biz name pro mobi aero coop museum travel tel cat jobs asia xyz online site
    shop store app dev tech cloud blog email world agency digital live life today news media group team works
    studio design academy health care clinic bank insurance law legal ltd company business solutions services
    network global istanbul ist london berlin eu ac ad ae af ag ai al am ao aq ar at au aw az ba bb bd be bf bg bh
    bi bj bm bn bo br bs bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cy cz de dj dk dm do dz ec ee
    eg er es et fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gt gu gw gy hk hm hn hr ht hu id ie il im
    in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg
    mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl
    pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf
    tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
    """
)
"""Endings that an address written in words may have (IANA's root zone: all countries, the commoner of the rest)."""

AMBIGUOUS_TLDS = _words(
    """
    am as at be by do he id in is it la ma me my no of or so to us pro name cat tel jobs travel group team works
    life today live news media care health bank law legal company business world store shop online app site de da
    """
)
"""Of these, the ones that are words too: an address in words needs more than them."""

NOT_A_NAME = _words(
    """
    lunch dinner breakfast brunch coffee drinks party
    me us them you him her it this that these those here there look looks looked looking shop shops shopped
    shopping buy buying bought sell selling sold order orders ordered ordering book booked booking find found
    visit visited visiting meet meeting met see seen saw check checked checking available online work works worked
    working job live lives lived stay stayed staying stop stopped sale sales hosted hosting host read reading
    watch watched pay paid paying up out in on off over down page pages site website store deals prices price
    cheap cheaper tickets now today tomorrow yesterday is are was were be been am and or but not only just again
    also back arrive arrived register registered sign signed login logged log listed list posted post published
    hired team office people employee employees engineer developer manager staff customer someone everyone anyone
    nobody laugh laughed good great best bad aim aimed point pointed start started starts end ended begin began
    total set sits sitting download downloaded search searched browse browsing apply applied join joined subscribe
    subscribed documentation docs details more info-page review reviews reviewed hotel room car seat flight
    look-up product products item items stuff things thing time times day night morning noon midnight home school
    university account user username password profile server running runs run deployed deploy located location
    based studied study studying intern interned internship interview interviewed role position career careers
    mail mesaj mesajı foto fotoğraf fotoğrafı resim resmi link linki linkini konum konumu konumunu dosya dosyayı
    bana sana ona bize size onlara şunu bunu onu bir iki şu bu o ve veya sonra hemen sipariş siparişi fatura
    yardım kabul kontrol iptal iade devam dikkat merak sepete siteye çöpe geri
    """
)
"""Words that stand before ``at`` (in Turkish also "throw, send") without being the local part of an address."""

NOT_A_HOST = _words(
    """
    the a an this that these those my your his her our their its each every any all least most first last once
    work home school night noon midnight it me us you him them which what some one two three bu şu o bir
    """
)
"""Words that stand after ``at`` without being a host."""

DETERMINERS = _words(
    """
    a an the my our your his her their some every any this that bir bu şu o
    """
)
"""Words after which comes a thing, not a local part."""

EMAIL_WORD = re.compile(
    r"(?<![^\W_])(?:e-?mail|mail|e-?posta|adres|address|inbox|gmail|reach|contact|write\s+to|yaz|ulaş|iletişim)", re.I
)
"""Says that an address comes."""

_PHONE_WORDS = _words(
    """
    tel mobile gsm cep wp wapp ring text sms fax faks contact reach dial viber signal telegram ara arayin arayiniz
    arayan arayalim arayip aramak aramaniz arama arasana arasin arasinlar arar ararim arariz ararsan ararsaniz ararlar
    hat hatti hattimiz hattindan numaradan numarasindan
    """
)
_PHONE_STEMS = _stems(
    "telefon telephone phone cell whatsapp watsap call numaram aradi ariyor arayabil ulas iletisim irtibat"
)
_OTHER_WORDS = _words(
    """
    booking reservation pnr takip parcel shipment package id uuid iban hesap account accounts card code tc tckn tax vat
    serial seri sku barcode isbn imei ean transaction policy customer musteri version surum timestamp epoch session
    thread build case model patent vin nolu price total score coordinate coordinates population batch lot receipt
    contract passport nhs
    """
)
_OTHER_STEMS = _stems(
    "order siparis invoice fatura ref ticket talep rezervasyon track kargo gonderi paket hesab kart kod kimlik vergi "
    "barkod islem dekont police member uye sasi tutar fiyat koordinat nufus fis sozlesme pasaport numarali"
)
_PLAIN = (("\u0307", ""), ("ı", "i"), ("ş", "s"), ("ğ", "g"), ("ü", "u"), ("ö", "o"), ("ç", "c"))
_WORD = re.compile(r"[^\W\d_]+")
_WHOSE = frozenset({"my", "his", "her", "our", "new", "your"})
_JOINING = frozenset({"nolu", "numarali"})
"""Words for "numbered", which leave open what."""


def _plain_words(text: str) -> list[str]:
    text = text.lower()
    if not text.isascii():
        for accented, plain in _PLAIN:
            text = text.replace(accented, plain)
    return _WORD.findall(text)


def said_before(text: str) -> str:
    """What the last telling word of ``text`` says of a number behind it: ``phone``, ``other``, or nothing."""
    words = _plain_words(text)
    while words:
        word = words.pop()
        if word[:3] not in _TELLING:
            continue
        if word == "number":
            said = "phone" if words and words[-1] in _WHOSE else ""
        elif word.startswith("numara") and words and words[-1].startswith(_OTHER_STEMS):
            return "other"  # kart numaram: my card's number
        else:
            said = _said(word)
        if said:
            return said
    return ""


def said_after(text: str) -> str:
    """What the first telling word of ``text`` says of a number before it."""
    words = _plain_words(text)
    for at, word in enumerate(words):
        said = _said(word)
        if said and not (word in _JOINING and _said("".join(words[at + 1 : at + 2])) == "phone"):
            return said
    return ""


def _said(word: str) -> str:
    for telling, whole, said in _TELLING.get(word[:3], ()):
        if word == telling or (not whole and word.startswith(telling)):
            return said
    return ""


def _by_beginning() -> dict[str, list[tuple[str, bool, str]]]:
    """Telling words by their first three letters, whole words before stems; ``number`` and ``numara`` among them."""
    table: dict[str, list[tuple[str, bool, str]]] = {"num": []}
    for words, whole, said in (
        (_PHONE_WORDS, True, "phone"),
        (_OTHER_WORDS, True, "other"),
        (_PHONE_STEMS, False, "phone"),
        (_OTHER_STEMS, False, "other"),
    ):
        for word in words:
            table.setdefault(word[:3], []).append((word, whole, said))
    return table


_TELLING = _by_beginning()
