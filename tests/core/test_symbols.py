import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.core.symbols import DIGITS, LONGEST_NAME, MOST_CLASSES, Symbols

NAMES = st.lists(
    st.text(st.characters(categories=["L", "N", "P", "S", "M"]), min_size=1, max_size=8),
    min_size=2,
    max_size=9,
    unique=True,
)


def made(*names: str) -> Symbols:
    return Symbols(classes=names, fit="resize", polarity="auto")


@given(NAMES)
def test_what_was_written_is_read_unless_names_are_refused(names: list[str]) -> None:
    try:
        symbols = made(*names)
    except ValueError:
        return
    assert Symbols.parse(symbols.model_dump_json()) == symbols


@pytest.mark.parametrize(
    "names", [("cat", "dog"), ("10", "9"), ("é", "e"), ("дом", "お"), ("a b", "a/b"), ("x" * LONGEST_NAME, "x")]
)
def test_names_of_any_script_are_taken_in_their_order(names: tuple[str, ...]) -> None:
    assert made(*names).classes == names


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("cat", "Cat"), "'cat' and 'Cat' differ in case"),
        (("straße", "STRASSE"), "differ in case"),
        (("caf\u00e9", "cafe\u0301"), "how accents are written"),
        (("a", "a"), "'a' and 'a'"),
        (("a", ""), "class ''"),
        (("a", " b"), "class ' b'"),
        (("a", "b\n"), r"class 'b\n'"),
        (("a", "b\udcff"), r"class 'b\udcff'"),
        (("a", "\u200b"), "printable"),
        (("a", "x" * (LONGEST_NAME + 1)), f"1 to {LONGEST_NAME} printable characters"),
    ],
)
def test_names_that_cannot_be_told_apart_or_printed_are_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match="class") as caught:
        made(*names)
    assert message in str(caught.value)


def test_there_are_two_to_a_thousand_classes() -> None:
    assert len(made(*map(str, range(MOST_CLASSES))).classes) == MOST_CLASSES
    for count in (0, 1, MOST_CLASSES + 1):
        with pytest.raises(ValueError, match="items"):
            made(*map(str, range(count)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the whole file: ''"),
        ("no JSON", "the whole file: 'no JSON'"),
        ("[]", "the whole file: "),
        ("{}", "classes: missing key; add it; fit: missing key"),
        ('{"classes": ["a"], "fit": "digit", "polarity": "auto"}', "classes: "),
        ('{"classes": ["a", "A"], "fit": "digit", "polarity": "auto"}', "classes: "),
        ('{"classes": ["a", "b"], "fit": "crop", "polarity": "auto"}', "fit: 'crop': "),
        ('{"classes": ["a", "b"], "fit": "digit", "polarity": "auto", "more": 1}', "more: unknown key"),
        ('{"classes": ["a", "b"], "fit": "digit", "polarity": "auto", "\\n": 1}', r"'\\n': unknown key"),
        ('{"classes": [1, 2], "fit": "digit", "polarity": "auto"}', r"classes\[0\]: 1: "),
    ],
)
def test_anything_else_is_refused_in_one_line_that_names_the_key(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{message}") as caught:
        Symbols.parse(text)
    assert "\n" not in str(caught.value)


def test_only_digits_in_mnists_format_are_digits() -> None:
    assert DIGITS.are_digits
    assert not made("0", "1").are_digits
    assert not made(*DIGITS.classes).are_digits
    assert not Symbols(classes=DIGITS.classes[::-1], fit="digit", polarity="auto").are_digits
