from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages import generate_message, message_id
from domain.segmentation import Tone
from tests.unit.builders import MICROSECOND, NOW


@pytest.mark.parametrize(
    ("tone", "text"),
    [
        (Tone.PLAYFUL, "Hey Ghost Gary, we miss you! 😉"),
        (Tone.WARM, "Welcome, Ghost Gary! We're so glad you're here! 🌟"),
        (Tone.NEUTRAL, "Hi Ghost Gary, just checking in! 👋"),
    ],
)
def test_each_tone_has_its_text(tone: Tone, text: str) -> None:
    assert generate_message(tone, "Ghost Gary") == text


def test_a_user_without_a_name_is_greeted_as_there() -> None:
    assert generate_message(Tone.NEUTRAL, None) == "Hi there, just checking in! 👋"


@pytest.mark.parametrize("name", ["{0.__class__}", "{name}", "{", "%s", "$name", "\\1", "<b>&amp;</b>", "'\""])
def test_a_name_is_never_interpreted(name: str) -> None:
    assert generate_message(Tone.PLAYFUL, name) == "Hey " + name + ", we miss you! 😉"


@pytest.mark.parametrize(
    ("user_id", "expected"),
    [
        ("12", "201e8619-5dab-57ea-8562-40423e86f443"),
        ("Žofie/é😉", "5f7261a1-fdc0-5c82-8750-dbca72bd4d88"),
    ],
)
def test_message_ids_are_the_published_ones(user_id: str, expected: str) -> None:
    assert message_id(user_id, NOW) == expected


@given(st.text(st.characters(codec="utf-8"), max_size=128))
def test_message_ids_are_those_of_the_standard_library(user_id: str) -> None:
    namespace = uuid5(NAMESPACE_URL, "urn:engagement-decision-engine:message")
    assert message_id(user_id, NOW) == str(uuid5(namespace, f"2026-11-22T10:00:00.000000Z/{user_id}"))


def test_another_moment_or_user_has_another_id() -> None:
    assert len({message_id("12", NOW), message_id("12", NOW + MICROSECOND), message_id("13", NOW)}) == 3
