"""Names for a generated crowd: put together from syllables, so that they are nobody's."""

import random
from typing import NamedTuple


class _Script(NamedTuple):
    """Syllables of given names, endings of family names, and how many of a hundred names are of this kind."""

    syllables: str
    endings: str
    weight: int


_SCRIPTS = (
    _Script(
        "ba be da de fi ga jo ka ke la le li lo ma me mi na ne ni no ra re ri ro sa se ta te to va vi ya yo zu",
        "bell berg by den dal er ev ford ick ins kov lund mann mar nen ock ov rup sen sky ton uz vik well",
        80,
    ),
    _Script(
        "á å bé ça dé è gö hé ï jø ké lã łu mà ñe ó pü ré šá té ü vě zé žo",
        "čić ęk fær gård höf ić klø lès møn núñ øl pé rød štal só tù žek",
        12,
    ),
    # Letters that look like Latin ones are meant here.
    _Script("δη βε γα θε κα λι μα νι ξα πα ρω ση τα φι χρυ", "άκης ίδης όπου ούλη άτος", 2),  # noqa: RUF001
    _Script("бо ва га да же зи ко ла ми на по ра си та", "ев енко ин ко ов ский ук", 3),  # noqa: RUF001
    _Script("い か き さ し た な は ま み や ら り", "うえ かわ さき はら むら やま", 2),
    _Script("가 나 다 라 미 바 서 아 지 하 현", "김 문 박 송 윤 정", 1),
)
_WEIGHTS = [script.weight for script in _SCRIPTS]
_ORNAMENTS = ("🌟", "🦊", "🎸", "☕", "🏳️‍🌈")
_ORNATE_SHARE = 0.02


def invented_name(rng: random.Random) -> str:
    """A given and a family name, mostly in Latin letters; now and then with an emoji behind."""
    [script] = rng.choices(_SCRIPTS, weights=_WEIGHTS)
    syllables, endings = script.syllables.split(), script.endings.split()
    given = "".join(rng.choices(syllables, k=rng.choice((2, 2, 3)))).capitalize()
    family = ("".join(rng.choices(syllables, k=rng.choice((1, 2)))) + rng.choice(endings)).capitalize()
    name = f"{given} {family}"
    return f"{name} {rng.choice(_ORNAMENTS)}" if rng.random() < _ORNATE_SHARE else name
