# bioner: from the original corpora to Table 1. This file is the table of contents; each wing's
# rules are in workflow/rules/, their logic in src/bioner.
import gc
import json
import os
import sys
from inspect import signature
from pathlib import Path
from shlex import quote

# What a large workflow is made of lives to its end: to look for garbage among it again and again took an eighth of a dry run.
gc.set_threshold(200_000, 50, 100)
SOURCE = Path(workflow.basedir) / "src"
sys.path.insert(0, str(SOURCE))

from bioner.agreements import check_ignored, under_agreement
from bioner.config import load_plan
from bioner.descriptions import describe
from bioner.digests import CodeDigests, FileDigests
from bioner.errors import ConfigError
from bioner.evaluation.columns import RUN_TABLES
from bioner.experiments import Run
from bioner.preparation.protocols import Protocol
from bioner.provenance import files_digest
from bioner.storage import little_space
from bioner.tagging.manifest import folders_state
from snakemake.common import overwrite_function_params
from snakemake.exceptions import WorkflowError
from snakemake.io import is_callable
from snakemake.settings.types import DeploymentMethod


configfile: f"{workflow.basedir}/config.yaml"


try:
    plan = load_plan(config, Path.cwd())
    if "DVC_STAGE" in os.environ:
        check_ignored(config["datasets"], Path.cwd())
except ConfigError as error:
    raise WorkflowError(f"config: {error}") from None


def literal(text):
    """A text in which Snakemake finds no names to fill in, though the project's folder may have braces in its own."""
    return text.replace("{", "{{").replace("}", "}}")


ENVIRONMENT = literal(f"{workflow.basedir}/envs/bioner.yaml")
# kept from one start to the next, of which a cluster has one for each job
code_digest = CodeDigests(Path(".snakemake/bioner.json"))
file_digests = FileDigests(Path(".snakemake/bioner_files.json"))
# glibc gives large blocks back to the system at once; torch asks for them again at every step. Huge pages save 5 % more.
MEMORY = (
    "export MALLOC_MMAP_THRESHOLD_=2000000000 MALLOC_TRIM_THRESHOLD_=8000000000 "
    "GLIBC_TUNABLES=glibc.malloc.hugetlb=1;"
)
# Priority of what trainings wait for: those that can start must not keep the cores from the data of longer ones.
FIRST = 100
# Jobs read encoders from disk; only fetch_encoder goes to the hub, unless its user said not to.
OFFLINE = os.environ.get("HF_HUB_OFFLINE", "0")
# where files come from, which makes no difference to what they are: not a parameter
if config["mirror"]:
    os.environ["BIONER_MIRROR"] = config["mirror"]
CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
# The package reaches every job from the source tree. Without conda, jobs run in Snakemake's own Python.
shell.prefix(
    f"set -euo pipefail; export PYTHONPATH={literal(quote(str(SOURCE)))} HF_HUB_OFFLINE=1; {MEMORY} "
    + (
        ""
        if CONDA
        else f"export PATH={literal(quote(str(Path(sys.executable).parent)))}:$PATH; "
    )
)


onerror:
    if told := little_space("results", ".snakemake"):
        sys.stderr.write(
            f"{told}; if jobs failed for want of space: make room and run again, finished files stay, trainings go on\n"
        )


wildcard_constraints:
    dataset="[a-z][a-z0-9_]*",
    protocol="(official|kfold[0-9]+|kfold[0-9]+_sentence|augment_first[0-9]+)(_trainval)?(_equal|_[0-9]+words)?",
    model="[a-z][a-z0-9_]*",
    encoder="[a-z][a-z0-9_]*",
    experiment="[a-z][a-z0-9_]*",
    attack="[a-z][a-z0-9_]*",
    adaptation="[a-z][a-z0-9_]*",
    search="[a-z][a-z0-9_]*",
    ontology="[a-z][a-z0-9_]*",
    target="[a-z][a-z0-9_]*",
    fold="[0-9]+",
    seed="[0-9]+",
    trial="[0-9]+",


# What is done where Snakemake was started, on a cluster too: what needs the network, and what takes less than a submission.
localrules:
    all,
    download,
    fetch_encoder,
    generate,
    recipe,
    rulegraph,


rule all:
    default_target: True
    input:
        [
            f"results/{experiment.name}/{made}"
            for experiment in plan.experiments
            for made in ("figures", "report/index.html")
        ],


include: "workflow/targets.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/preparation.smk"
include: "workflow/rules/tagging.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/reporting.smk"


# Snakemake asks for the parameters of rules' functions again for each job, a tenth of a large dry run: they are said once.
for one in workflow.rules:
    for item in filter(is_callable, (*one.input, *one.params, one.priority)):
        function = getattr(item, "_file", item)
        function = getattr(function, "callable", function)
        overwrite_function_params(function, signature(function).parameters)
