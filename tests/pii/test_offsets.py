"""Findings count in the original text, whatever was folded to find them."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from guard.pii import redact

ODD = [
    *("ﬁ", "½", "㎏", "ﷺ", "İ", "ß", "e\u0301", "u\u0308", "👩‍👩‍👧", "🇹🇷", "1️⃣", "\U0001f600"),
    *("ǆ", "한", "\u1112\u1161\u11ab", "Å", "…", "№"),
]
UNSEEN = ["\u200b", "\u2060", "\u00ad", "\ufeff", "\ufe0f", "\u034f", "\U000e0020"]
PROSE = st.lists(st.one_of(st.sampled_from([*ODD, *UNSEEN, " ", "a", "ev ", "kira\n"])), max_size=12).map("".join)
NUMBERS = ["0532 123 45 67", "+90 392 228 34 56", "+357 99 123456", "020 7946 0958", "+1 415 555 2671"]
ADDRESSES = ["ali.kaya@example.com", "foo+bar@mail.example.co.uk", "çağrı@örnek.com"]


@st.composite
def disguised(draw: st.DrawFn) -> tuple[str, str]:
    """A number or address whose characters are partly folded forms, with characters between that are not seen."""
    plain = draw(st.sampled_from(NUMBERS + ADDRESSES))
    return plain, "".join(draw(forms(c)) for c in plain)


def forms(c: str) -> st.SearchStrategy[str]:
    """As it is, in another form with the same meaning, or followed by something unseen."""
    others = [c, c, c, c + "\u200b", c + "\u2060"]
    if "!" <= c <= "~":
        others.append(chr(ord(c) + 0xFEE0))
    if c.isdigit():
        others += [chr(0x0660 + int(c)), chr(0x1D7CE + int(c)), c + "\ufe0f\u20e3"]
    if c == " ":
        others += ["\u00a0", "\u202f", "\u2009"]
    return st.sampled_from(others)


@settings(max_examples=500, deadline=None)
@given(PROSE, disguised(), PROSE)
@example("ﷺ👩‍👩‍👧", ("0532 123 45 67", "０５３２ １２３ ４５ ６７"), "e\u0301")
@example("\u200b", ("ali.kaya@example.com", "ali.kaya＠example．com"), "\u200b")
def test_a_finding_is_where_it_stands_in_the_original(before: str, secret: tuple[str, str], after: str) -> None:
    """From the first character to the last, and no seen character more."""
    plain, written = secret
    text = f"{before} , {written} , {after}"
    start = len(before) + len(" , ")
    spans = [(f.start, f.end) for f in redact(text).findings if f.start <= start + len(written) and f.end >= start]
    assert len(spans) == 1
    at, to = spans[0]
    assert at <= start
    assert to >= start + len(written.rstrip("".join(UNSEEN)))
    assert as_read(text[at:to]) == plain


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PROSE, disguised().map(lambda pair: pair[1])), max_size=5).map(" ; ".join))
def test_the_text_is_the_original_with_the_findings_replaced(text: str) -> None:
    """So offsets are of the original: cutting by them gives the redacted text."""
    redaction = redact(text)
    rebuilt, at = "", 0
    for kind, start, end in redaction.findings:
        rebuilt += text[at:start] + f"[{kind.upper()}]"
        at = end
    assert rebuilt + text[at:] == redaction.text


def as_read(written: str) -> str:
    """What a person reads: NFKC, plain digits and blanks, nothing unseen."""
    seen = "".join(c for c in written if unicodedata.category(c) not in {"Cf", "Mn", "Me"})
    plain = "".join(str(unicodedata.decimal(c)) if unicodedata.category(c) == "Nd" else c for c in seen)
    return unicodedata.normalize("NFKC", plain)
