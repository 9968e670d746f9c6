from tests.fault.document import DOCUMENT, text


def test_the_tables_are_those_of_the_tests() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert document == text(document), "write them anew: python -m tests.fault.document"
