"""The demo's chemicals and diseases: lexicon and sentences in the manner of BC5CDR."""

from __future__ import annotations

import random

from bioner.corpora.demo_text import Concept, stable_number
from bioner.corpora.demo_words import common, composites, diseases, drugs, shuffled

_CHEMICALS = """
calcium = Ca
lithium = lithium carbonate
iron = ferrous iron
lead = Pb
gold = gold salts
cocaine = benzoylmethylecgonine
morphine = morphine sulfate
glucose = D-glucose
dopamine = DA
serotonin = 5-HT
nitric oxide = NO
γ-aminobutyric acid = GABA
α-tocopherol = vitamin E
alcohol = ethanol
oxygen = O2
"""
_DISEASES = """
depression = depressive disorder
hypertension = high blood pressure
stroke = cerebrovascular accident
shock = circulatory shock
seizures = convulsions
anxiety = anxiety disorder
pain = painful condition
bleeding = haemorrhage
cancer = malignant tumour
anemia = anaemia
nausea = feeling sick
arrhythmia = irregular heart beat
β-thalassemia = β-thalassaemia
"""

TITLES = """
{C}-induced {D}: a report of {~n} cases
Effect of {C} on {D} in rats
{D} after treatment with {C}
Does {C} prevent {D}? Results of the {~trial} study
{C} and {C} in the management of {D}
Reversible {D} during {C} therapy
A review of [{-C} toxicity/Disease] in adults
Protective role of {C} against {C}-induced {D}
Gold standard methods for measuring {C}
Late {D} in survivors of {D}
"""

SENTENCES = """
We describe a patient who developed {D} {~time} after starting {C} at {~dose}.
The patient had a history of {D} and had received {C} for {~time}.
Treatment with {C} ({~dose}) reduced the incidence of {D} by {~n}%.
{C} was withdrawn and {D} resolved within {~time}.
Rats given {C} showed more severe {D} than animals that received {C}.
The mechanism of {C}-induced {D} is not well understood.
Signs of [{-C} toxicity/Disease] were seen in {~n} of the patients.
[{-C} poisoning/Disease] should be suspected in any child with unexplained {D}.
{C} deficiency was excluded, but a low level of {C} may lead to {D}.
The diagnosis of [{-C} deficiency/Disease] was made at a hospital in {~city}.
No case of {D} was recorded among {~n} controls.
In {~n} subjects, {C} and {C} were compared with placebo for the prevention of {D}.
Plasma concentrations of {C} were measured every {~time} and did not predict {D}.
Both {D} and {D} were more common with high doses of {C}.
Neither {C} nor {C} had any effect on {D}.
These results suggest that {C} may cause {D} in patients with {D}.
The most frequent adverse events were {D}, {D} and {D}.
Pretreatment with {C} attenuated {D} caused by {C}.
{composite} was found in {~n} patients on {C}.
A woman with {composite} died {~time} after a single dose of {C}.
Depression of the ST segment was seen without any sign of {D}.
A shock wave was applied and stroke volume was recorded before {C} was given.
The gold standard for {D} is a biopsy; the lead author reviewed all slides.
Subjects with lead poisoning were excluded from the {~trial} trial by design.
The {~trial} trial, sponsored by {~company}, enrolled {~n} patients from {~city}.
{~company} supplied {C} but had no role in the analysis.
The pain scale and the anxiety questionnaire were completed by all {~n} participants.
Binding to [5-HT/Chemical:serotonin]6 receptors was lower in animals with {D}.
Intracellular [Ca/Chemical:calcium]2+ rose after exposure to {C} ({~dose}).
The calcium channel is a target of {C} and other drugs used in {D}.
An oxygen tent was used until {D} improved and {C} was stopped.
{C} abuse is often seen together with {D}, and [{-C} abuse/Disease] may be fatal.
Patients with [{-C} dependence/Disease] had a higher risk of {D} than others.
We studied whether the {C} analogue {C} protects against {D}.
Serum {C} fell from {~n} to {~n} units and {D} recurred.
The combination of {C} plus {C} was well tolerated apart from mild {D}.
Family members in {~city} had neither {D} nor any drug exposure.
All measurements were repeated after {~time}, and the data were blinded.
A dose of {~dose} was chosen because of earlier work in {~city}.
Cold water and a lead shield were used during the procedure.
Of {~n} reports, {~n} mentioned {D} as the reason for stopping {C}.
Administration of {C} produced {D} in {~n}% of mice and {D} in a few.
There was no cancer registry in {~city}, and pain management followed local rules.
Long-term use of {C} is limited by {D}, in particular {D} of the elderly.
We conclude that {C} is safe in {D}, although {D} needs attention.
The {C} group and the {-C}-free group did not differ in age or sex.
High doses of {C} impaired memory, and {C} restored it.
{D} related to {C} occurred in {~n} of {~n} treated patients.
"""

EDGES = {
    5: (
        "Binding to [5-HT/Chemical:serotonin]6 receptors was lower in animals with {D}.",
        "[Liver or kidney damage/Disease:both] was rare.",
    ),
    6: ("Intracellular [Ca/Chemical:calcium]2+ rose after exposure to {C} ({~dose}).",),
    7: ("{composite} was found in {~n} patients on {C}.",),
}
"""Document index -> sentences that it certainly has: mentions that begin or end inside a word, composites, a concept beside `-1`."""


def mesh(key: str) -> str:
    """An invented identifier of MeSH's form for a name; some names have no concept (`-1`)."""
    if key == "both":
        return "D900002|-1"
    number = stable_number(key, 6)
    return "-1" if number.endswith(("00", "11", "22")) else ("C9" if number[0] in "0123" else "D9") + number[1:]


def lexicon(rng: random.Random, size: int) -> dict[str, list[Concept]]:
    """Concepts by key: C chemicals, D diseases, composite pairs of diseases; `size` invented ones of each of the first two."""
    return {
        "C": shuffled(rng, drugs(rng, size, "Chemical", mesh), common("Chemical", _CHEMICALS, mesh)),
        "D": shuffled(rng, diseases(rng, size, "Disease", mesh), common("Disease", _DISEASES, mesh)),
        "composite": composites("Disease", lambda key: mesh(key).replace("-1", "D900001")),
    }
