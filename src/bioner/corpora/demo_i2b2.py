"""The demo's notes: lexicon and lines in the manner of i2b2/VA 2010, tokens already separated."""

from __future__ import annotations

import random

from bioner.corpora.demo_text import Concept
from bioner.corpora.demo_words import common, diseases, drugs, shuffled

_PROBLEMS = """
chest pain = cp
shortness of breath = sob
hypertension = htn
diabetes mellitus = dm
pneumonia = pna
fever = febrile illness
nausea = queasiness
edema = swelling
anemia = low blood count
atrial fibrillation = afib
wound infection = infected wound
depression = depressed mood
"""
_TESTS = """
chest x-ray = cxr
CT scan = CT
hematocrit = Hct
white blood count = WBC
blood pressure = BP
echocardiogram = echo
electrocardiogram = EKG
creatinine = Cr
glucose = fingerstick glucose
potassium = K
oxygen saturation = O2 sat
urinalysis = UA
temperature = temp
biopsy = tissue biopsy
"""
_TREATMENTS = """
oxygen = O2
aspirin = ASA
insulin = regular insulin
potassium chloride = KCl
intravenous fluids = IV fluids
physical therapy = PT
dialysis = hemodialysis
antibiotics = abx
transfusion = blood transfusion
appendectomy = removal of the appendix
coronary artery bypass graft = CABG
"""

HEADERS = ["HISTORY OF PRESENT ILLNESS :", "HOSPITAL COURSE :", "MEDICATIONS ON DISCHARGE :", "PHYSICAL EXAMINATION :", "LABORATORY DATA :"]

SENTENCES = """
The patient was admitted with [{~det} {-problem}/problem] and {problem} .
[{~det} {-test}/test] showed {problem} without {problem} .
He was started on {treatment} {~dose} for [{~poss} {-problem}/problem] .
She denies {problem} , {problem} or {problem} .
{test} {~n} , {test} {~n} , {test} {~n} .
There was no evidence of {problem} on [{~det} {-test}/test] .
[{~poss} {-problem}/problem] improved after [{~det} {-treatment}/treatment] .
{treatment} was held because of [some  {-problem}/problem] .
The patient underwent [{~det} {-treatment}/treatment] on {~deid} .
Past medical history is significant for {problem} and {problem} .
Dr. {~deid} recommended [{~det} {-test}/test] in {~time} .
He lives with his wife in {~deid}  and is pleasant .
She was given {treatment} and {treatment} with good effect .
Review of {test} revealed [{~degree} {-problem}/problem] .
{test} was within normal limits .
The patient was treated with [{~poss} home {-treatment}/treatment] during {~time} of stay .
Follow up with the fever clinic and the pain service in {~time} .
The oxygen tank was returned by the family .
Please call if you have [worsening {-problem}/problem] or {problem} .
[{~det} repeat {-test}/test] was obtained and {treatment} was continued .
Condition on discharge is stable .
{treatment} {~dose} p.o. b.i.d.
{treatment} {~dose} q.h.s. p.r.n. {problem}
Her {test} was {~n} and [{~poss} {-test}/test] was {~n} .
He was seen by physical medicine and transferred to the Stroke Unit .
The team felt that this was [likely {-problem}/problem] due to {treatment} .
[{-treatment} toxicity/problem] was ruled out by {test} .
No allergies are known ; he stopped smoking {~n} years ago .
[{~det} {-problem} and {-problem}/problem] resolved with {treatment} .
A depression team was not available over the weekend .
"""

TWO_LINES = "The family reports [{~degree} {-problem}/problem] and the patient received {treatment} ."
"""A sentence whose first concept is broken by a line end."""

PLAIN = ["Discharge papers were signed .", "The family was informed and agrees with the plan .", "Seen and examined on rounds ."]
"""Lines of the note without concepts."""

UGLY = [
    "Skin : caf\u00e9-au-lait spots , no change .",
    "Dose of \U0001d6fd-agonist was 40 \u00b5g .",
    'He calls it " the pipe || organ " .',
]
"""Lines beyond ASCII, and with the marks of the concept format."""


def no_concept(key: str) -> str:
    """Notes carry no concept identifiers; the name itself serves inside the generator."""
    return key


def lexicon(rng: random.Random, size: int) -> dict[str, list[Concept]]:
    """Concepts by type; `size` invented problems and treatments."""
    return {
        "problem": shuffled(rng, common("problem", _PROBLEMS, no_concept), diseases(rng, size, "problem", no_concept)),
        "test": common("test", _TESTS, no_concept),
        "treatment": shuffled(rng, common("treatment", _TREATMENTS, no_concept), drugs(rng, size, "treatment", no_concept)),
    }
