"""The demo's UMLS types: lexicon and sentences in the manner of MedMentions ST21pv."""

from __future__ import annotations

import random

from bioner.corpora.demo_text import Concept, stable_number
from bioner.corpora.demo_words import common, diseases, drugs, genes, shuffled, species

_COMMON = """
T005: influenza A virus = IAV; Karvo virus = KARV; herpes virus = herpesvirus; Tessin virus = TSV
T007: Escherichia coli = E. coli; Brevimonas lutea = B. lutea; mycobacteria = mycobacterium; gut bacteria = intestinal bacteria
T017: liver = hepatic tissue; kidney = kidneys; hippocampus = hippocampal formation; retina = retinal tissue
T017: T cells = T lymphocytes; neurons = nerve cells; mitochondria = mitochondrion; left ventricle = LV; bone marrow = marrow
T017: epithelium = epithelial cells
T022: central nervous system = CNS; immune system = immunity; cardiovascular system = circulatory system
T031: blood = whole blood; plasma = blood plasma; urine = urine samples; saliva = salivary fluid; cerebrospinal fluid = CSF
T033: weight loss = loss of weight; fatigue = tiredness; elevated levels = increased levels; pain = painful sensation
T033: risk factors = risk factor; mortality = death rate; abnormal gait = gait disturbance; stable disease = no progression
T033: high blood pressure = raised blood pressure
T037: hip fracture = fracture of the hip; burn injury = burns; traumatic brain injury = TBI; intoxication = poisoning
T038: apoptosis = programmed cell death; inflammation = inflammatory response; gene expression = expression
T038: cell proliferation = proliferation; hypertension = HTN; depression = depressive disorder; memory = recall; aging = ageing
T038: stroke = cerebrovascular accident
T058: surgery = surgical treatment; screening = health screening; follow-up = clinical follow-up
T058: chemotherapy = cytotoxic chemotherapy; biopsy = tissue biopsy; rehabilitation = rehabilitation program
T058: treatment = therapy; vaccination = immunization; magnetic resonance imaging = MRI
T062: randomized controlled trial = RCT; cohort study = cohort analysis; meta-analysis = pooled analysis
T062: pilot study = pilot trial; regression analysis = linear regression; case-control study = case-control design
T074: stent = coronary stent; catheter = urinary catheter; pacemaker = cardiac pacemaker; hearing aid = hearing aids
T082: left = left sided; proximal = proximal part; intracellular = within the cell; distal = distal part; surface = surfaces
T082: peripheral = periphery; lateral = laterally
T091: cardiology = cardiovascular medicine; nursing = nursing science; epidemiology = epidemiological science
T091: radiology = diagnostic radiology
T092: World Health Organization = WHO; university hospital = teaching hospital; insurance company = insurer
T092: Orion Institute = OI
T097: nurses = nursing staff; physicians = doctors; pharmacists = pharmacist; surgeons = surgeon
T098: children = pediatric patients; women = female participants; older adults = elderly; participants = study participants
T098: veterans = military veterans
T103: glucose = D-glucose; calcium = Ca2+; insulin = human insulin; TNF-α = tumor necrosis factor alpha; interferon-γ = IFN-γ
T103: β-catenin = beta-catenin; iron = Fe; lead = Pb; oxygen = O2
T168: milk = cow milk; green tea = tea; red meat = meat; honey = raw honey
T170: guidelines = clinical guidelines; questionnaire = survey form; database = data base
T170: classification = classification system; mathematical model = model; protocol = study protocol
T201: blood pressure = BP; body mass index = BMI; heart rate = pulse rate; age at onset = onset age; body weight = weight
T204: mice = mouse; rats = rat; zebrafish = zebrafish larvae; humans = human subjects
"""

TITLES = """
{T103} inhibits {T038} in the {T017} of {T204}
{T058} and {T038}: a {T062}
Role of {T103} in {T038} and {T038}
{T033} among {T098} after {T058}
Expression of interest in {T058}: what {T098} want
The {T017} as a target of {T103}
Prevalence of {T038} in {~city}
A {T170} for the {T058} of {T038}
"""

ROTATION = """
Samples of {T031} were tested for {T005} and {T007}, and {T201} was recorded by {T097}.
Doctors of {T091} at the {T092} placed a {T074} after {T037}.
A diet rich in {T168} protected the {T022} against {T037} caused by {T007}.
The {T092} asked {T097} to report {T201} and intake of {T168} in {T098}.
Infection of the {T022} with {T005} was found in {T031} by experts in {T091}, and a {T074} was removed.
"""
"""Sentences that hold the rare types: document i has one of them, in turn, so that every type occurs."""

SENTENCES = """
{T103} reduced {T038} in {T204} by {~n}%.
We carried out a {T062} of {T058} in {~n} {T098} with {T038}.
The effect of {T103} on {T038} was measured in the {T017} after {~time}.
{T033} was more frequent in {T098} who received {T103} ({~dose}).
Levels of {T103} in the {T082} region of the {T017} were high.
{T058} improved {T038} but not {T033} in {T098}.
{T038} of the {T017} is a complication of {T038}.
A {T170} was sent to {~n} {T098}, and {~n} of them left the study.
The {T082} {T017} showed strong {T038} in {T204}.
{T103} binds to the {T082} domain of {T103} and blocks {T038}.
Deletion of {T017} in {T204} led to {T038} and {T033}.
Data were taken from a {T170} in {~city} and used in a {T062}.
Patients left the ward in {~city} on foot, and a model of the building was shown.
Facial expression and the left hand were filmed for {~time}.
The lead author of the {~trial} report works for {~company}.
{T058} is recommended for {T038}, although {T170} differ between countries.
Of {~n} {T098}, {~n} had {T033} and {~n} had {T038}.
Our {T062} found no link between {T103} and {T038}.
{T103} is taken up by the {T017} and acts on {T082} {T103}.
{T038} was treated with {T103}, then with {T103} plus {T058}.
{T017} cells of {T204} were grown with {T103} at {~dose}.
Early {T058} prevents {T033} in {T098} at risk of {T038}.
In {T204}, {T103} changed {T201} and {T038} within {~time}.
A sample of {T031} was drawn from the {T082} vein of each of the {T098}.
[{-T017} {T038}/T038] was seen in {~n} cases.
[{-T103} treatment/T058] was stopped because of {T033}.
[{-T103} metabolism/T038] in the {T017} depends on {T103}.
[{-T038} patients/T098] were compared with healthy {T098} in a {T062}.
The protocol droid in the film had no effect on anyone in {~city}.
The surface of the problem was the classification of films by {~company}.
Mutations in {T017} cause {T038}, a disorder with {T033} and {T038}.
{T062} with {~n} {T098} are needed to study {T058}.
After {T058}, the {T082} {T017} recovered within {~time}.
Members of the {T092} wrote a {T170} on {T038}.
Loss of {T017} was found in {T204} and, more rarely, in {T204}.
{T103} and {T103} had opposite effects on {T038}.
The rat race and a memory stick are not the subject of this {T062}.
{T033} predicted {T038} independently of {T201}.
We used a {T170} to estimate the cost of {T058}.
{T098} with {T038} were referred for {T058} by {T097}.
Results were stable for {~time} and did not depend on the city.
The {~trial} group in {~city} published a {T170} of {T033}.
{T038} in the {T022} was lower than in the {T017}.
{T103} increased {T038}; this was blocked by {T103} in {T204}.
"""

NESTED = "[[{-T017}/T017] cell [injury/T037:injury]/T038] was found in the [left [kidney/T017:kidney]/T082] of two animals."
"""A sentence with mentions inside others."""


def umls(key: str) -> str:
    """An invented identifier of the UMLS's form for a name."""
    return f"UMLS:C9{stable_number(key, 6)}"


def lexicon(rng: random.Random, size: int) -> dict[str, list[Concept]]:
    """Concepts by type; `size` invented drugs and diseases, half as many genes and species."""
    concepts: dict[str, list[Concept]] = {}
    for line in _COMMON.strip().splitlines():
        kind, names = line.split(": ")
        concepts.setdefault(kind, []).extend(common(kind, names, umls))
    concepts["T103"] = shuffled(rng, concepts["T103"], drugs(rng, size, "T103", umls))
    concepts["T038"] = shuffled(rng, concepts["T038"], diseases(rng, size, "T038", umls))
    concepts["T017"] = shuffled(rng, concepts["T017"], genes(rng, size // 2, "T017", umls))
    concepts["T204"] = concepts["T204"] + species(rng, size // 3, "T204", umls)
    return concepts
