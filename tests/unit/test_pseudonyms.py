"""What stands for users in log lines."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.pseudonyms import hashed

KEYS = (b"", b"k" * 100, b"k" * 100 + b"!")


@given(user_id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128))
def test_a_pseudonym_is_of_fixed_form_and_always_the_same(user_id: str) -> None:
    for key in KEYS:
        pseudonym = hashed(key)(user_id)
        assert pseudonym == hashed(key)(user_id)
        assert len(pseudonym) == 16
        assert set(pseudonym) <= set("0123456789abcdef")


def test_users_and_keys_have_their_own() -> None:
    assert len({hashed(key)(user_id) for key in KEYS for user_id in ("12", "13")}) == 6
