"""The demo's names: invented from syllables, beside a few common words."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from bioner.corpora.demo_text import Concept


def _words(text: str) -> list[str]:
    return text.split()


_STARTS = _words("vel tor zan mip kel dra lor fen bri cas nol pra sul tib xan oro quin lev cab rit ul vin ame eto bex dal gor hex jun")
_MIDDLES = _words("a o i e u ari olo ena ifa ora ula ivo eta osi ada imo")
_DRUG_ENDS = _words(
    "mab pril statin olol azole cillin mycin tidine oxacin vir tinib caine azepam setron gliptin sartan idone amide imine oxetine parin"
)
_SALTS = _words("hydrochloride sodium mesylate maleate citrate sulfate")
_PEOPLE = _words(
    "Harvick Lundeen Ostrava Pelletine Karsgaard Mirov Tannby Veldhuis Okonji Brandeis Sorella Quist Yamaguro Ferrand Dolmen Witters "
    "Abrecht Castellan Nordahl Ruzicka"
)
_ROOTS = _words("hepato nephro cardio neuro myo angio gastro dermo osteo retino pneumo thyro entero vasculo chondro cysto")
_DISEASE_ENDS = _words("pathy itis oma osis malacia sclerosis trophy plasia")
_ORGANS = [
    ("renal", "kidney"),
    ("hepatic", "liver"),
    ("cardiac", "heart"),
    ("pulmonary", "lung"),
    ("gastric", "stomach"),
    ("retinal", "retina"),
    ("cutaneous", "skin"),
    ("ovarian", "ovary"),
    ("cerebral", "brain"),
    ("pancreatic", "pancreas"),
    ("muscular", "muscle"),
    ("vascular", "vessel"),
]
_HEADS = ["failure", "dysfunction", "injury", "fibrosis", "hemorrhage", "necrosis", "tumor", "ischemia", "edema", "carcinoma"]
_DEGREES = ["acute", "chronic", "familial", "idiopathic", "progressive", "juvenile"]
_GENERA = _words("Arvenia Brochytus Calomys Dendralis Eurotia Fulvaria Glossinea Heterandra Ixoria Lamprotes")
_EPITHETS = _words("lutescens minor orientalis palustris robusta sylvatica tenuis vulgaris alpina gracilis")

Identify = Callable[[str], str]


def _stem(rng: random.Random) -> str:
    return rng.choice(_STARTS) + rng.choice(_MIDDLES) + rng.choice([*_STARTS, "", "", ""])


def drugs(rng: random.Random, number: int, kind: str, identify: Identify) -> list[Concept]:
    """Invented drugs: a generic name, and one or two of brand name, salt, research code and abbreviation."""
    found: dict[str, Concept] = {}
    while len(found) < number:
        stem = _stem(rng)
        name = stem + rng.choice(_DRUG_ENDS)
        others = [
            stem.capitalize() + rng.choice(_words("a ex in or yx on")),
            f"{name} {rng.choice(_SALTS)}",
            f"{''.join(rng.choices('ABCDGKLMNRSTXZ', k=2))}-{rng.randrange(100, 9999)}",
            (name[0] + name[len(stem) // 2] + name[-3]).upper(),
        ]
        found.setdefault(name, Concept(kind, (identify(name),), (name, *rng.sample(others, rng.choice((1, 1, 2))))))
    return list(found.values())


def diseases(rng: random.Random, number: int, kind: str, identify: Identify) -> list[Concept]:
    """Invented diseases: of an organ, of a person's name, or composed in Greek, each with a synonym."""
    makers = (_organ_disease, _eponym, _compound)
    found: dict[str, Concept] = {}
    while len(found) < number:
        names = makers[rng.choices((0, 1, 2), (5, 2, 3))[0]](rng)
        found.setdefault(names[0], Concept(kind, (identify(names[0]),), names))
    return list(found.values())


def _organ_disease(rng: random.Random) -> tuple[str, ...]:
    (adjective, noun), head = rng.choice(_ORGANS), rng.choice(_HEADS)
    degree = f"{rng.choice(_DEGREES)} " if rng.random() < 0.5 else ""
    long = f"{degree}{adjective} {head}"
    others = [f"{degree}{noun} {head}", "".join(word[0] for word in long.split()).upper() + rng.choice(_words("1 2 D S"))]
    return (long, *others[: rng.choice((1, 1, 2))])


def _eponym(rng: random.Random) -> tuple[str, ...]:
    person, other = rng.sample(_PEOPLE, 2)
    name = rng.choice((person, f"{person}-{other}"))
    return (f"{name} syndrome", f"{name} disease")


def _compound(rng: random.Random) -> tuple[str, ...]:
    root, end = "".join(rng.sample(_ROOTS, rng.choice((1, 1, 2)))), rng.choice(_DISEASE_ENDS)
    name = root.rstrip("o") + end if end[0] in "aeio" else root + end
    return (name, f"{rng.choice(('diffuse', 'primary', 'simple'))} {name}")


def composites(kind: str, identify: Identify) -> list[Concept]:
    """Two diseases in one phrase ('renal and hepatic failure'), with the split form that PubTator's seventh column holds."""
    found = []
    for index, (first, _) in enumerate(_ORGANS):
        second, head = _ORGANS[(index * 5 + 3) % len(_ORGANS)][0], _HEADS[index % len(_HEADS)]
        parts = (f"{first} {head}", f"{second} {head}")
        found.append(Concept(kind, tuple(identify(part) for part in parts), (f"{first} and {second} {head}",), "|".join(parts)))
    return found


def species(rng: random.Random, number: int, kind: str, identify: Identify) -> list[Concept]:
    """Invented species: the binomial and its short form."""
    pairs = [(genus, epithet) for genus in _GENERA for epithet in _EPITHETS]
    return [
        Concept(kind, (identify(f"{genus} {epithet}"),), (f"{genus} {epithet}", f"{genus[0]}. {epithet}"))
        for genus, epithet in rng.sample(pairs, number)
    ]


def genes(rng: random.Random, number: int, kind: str, identify: Identify) -> list[Concept]:
    """Invented genes: a symbol, alone and as '<symbol> gene'."""
    symbols: dict[str, None] = {}
    while len(symbols) < number:
        symbols["".join(rng.choices("ABCDFGKLMNPRSTVX", k=rng.choice((2, 3)))) + str(rng.randrange(1, 20))] = None
    return [Concept(kind, (identify(symbol),), (symbol, f"{symbol} gene")) for symbol in symbols]


def common(kind: str, table: str, identify: Identify) -> list[Concept]:
    """Concepts from a table: names separated by `=`, concepts by `;` or a line end."""
    rows = [tuple(name.strip() for name in line.split("=")) for line in re.split("[;\n]", table.strip())]
    return [Concept(kind, (identify(names[0].lower()),), names) for names in rows]


def shuffled(rng: random.Random, *groups: list[Concept]) -> list[Concept]:
    """All concepts of several groups in one random order, which is their order of frequency."""
    concepts = [concept for group in groups for concept in group]
    rng.shuffle(concepts)
    return concepts


FILLERS: dict[str, list[str]] = {
    "n": [str(number) for number in (3, 7, 12, 18, 24, 36, 48, 61, 77, 105, 240)],
    "dose": ["5 mg", "10 mg/kg", "0.5 mg/day", "200 mg", "40 µg/kg", "2 g daily", "75 mg twice a day"],
    "time": ["two weeks", "24 h", "six months", "one year", "10 days", "one month", "three weeks"],
    "city": ["Verdana", "Lisborough", "Kjelsund", "Port Amaro", "Tessin", "Old Harlow"],
    "company": ["Zelvora Pharma", "Norvane Inc", "Bexalor Ltd", "Quintara Labs", "Torapril Holdings"],
    "trial": ["LEVANT", "CARDINAL-2", "PRISMA", "ORION", "Velopril Registry", "BRIDGE"],
    "deid": ["[**2031-2-11**]", "[**Last Name 3821**]", "[**Location 17**]", "[**Hospital1 4**]", "[**Known lastname 90**]"],
    "det": ["a", "the", "an initial"],
    "poss": ["his", "her", "the patient 's"],
    "degree": ["mild", "severe", "chronic", "new"],
    "lead_in": ["However, ", "In addition, ", "Notably, ", "Overall, ", "Interestingly, ", "As expected, ", "In contrast, "],
}
