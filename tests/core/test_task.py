import pytest

from digits.core.task import DIGITS, LONGEST_NAME, MOST_CLASSES, Task


def task(*names: str) -> Task:
    return Task(classes=names, fit="resize", polarity="auto")


@pytest.mark.parametrize(
    "names", [("cat", "dog"), ("10", "9"), ("é", "e"), ("дом", "お"), ("a b", "a/b"), ("x" * LONGEST_NAME, "x")]
)
def test_names_of_any_script_are_kept_in_their_order(names: tuple[str, ...]) -> None:
    assert Task.parse(task(*names).model_dump_json()) == task(*names)
    assert task(*names).classes == names


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
        (("a", "\u200b"), "printable"),
        (("a", "x" * (LONGEST_NAME + 1)), f"1 to {LONGEST_NAME} printable characters"),
    ],
)
def test_names_that_cannot_be_told_apart_or_printed_are_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match="class") as caught:
        task(*names)
    assert message in str(caught.value)


def test_there_are_two_to_a_thousand_classes() -> None:
    assert len(task(*map(str, range(MOST_CLASSES))).classes) == MOST_CLASSES
    for count in (1, MOST_CLASSES + 1):
        with pytest.raises(ValueError, match="items"):
            task(*map(str, range(count)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no JSON", "the whole file: 'no JSON'"),
        ("{}", "classes: missing key; add it; fit: missing key"),
        ('{"classes": ["a", "A"], "fit": "digit", "polarity": "auto"}', "classes: "),
        ('{"classes": ["a", "b"], "fit": "crop", "polarity": "auto"}', "fit: 'crop': "),
        ('{"classes": ["a", "b"], "fit": "digit", "polarity": "auto", "\\n": 1}', r"'\\n': unknown key"),
        ('{"classes": [1, 2], "fit": "digit", "polarity": "auto"}', r"classes\[0\]: 1: "),
    ],
)
def test_anything_else_is_refused_in_one_line_that_names_the_key(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{message}") as caught:
        Task.parse(text)
    assert "\n" not in str(caught.value)


def test_only_digits_in_mnists_format_are_digits() -> None:
    assert DIGITS.are_digits
    for other in (task("0", "1"), task(*DIGITS.classes), DIGITS.model_copy(update={"classes": DIGITS.classes[::-1]})):
        assert not other.are_digits
