from tests.bad_input.document import DOCUMENT, text


def test_the_document_is_the_table() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == text(), "write it anew: python -m tests.bad_input"
