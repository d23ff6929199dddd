# Corpora. Needs: a dataset's entry in the config, and network or a mirror for what is downloaded.
# Makes: results/raw/<dataset>/, results/corpora/<dataset>.jsonl, results/harmonized/<dataset>.json, results/quality/<dataset>.{json,html}.

GENERATED = [
    name for name, entry in config["datasets"].items() if entry["source"] == "demo"
]
# told when files are fetched, and no parameter: another word of it makes nothing again
LICENCES = json.dumps(plan.licences)
# what all pages are made of
TEMPLATES = [
    f"bioner/reporting/templates/{name}"
    for name in ("page.css", "page.js", "tables.html")
]


rule generate:
    output:
        "results/raw/{dataset}/manifest.json",
    log:
        "results/logs/generate/{dataset}.log",
    benchmark:
        "results/benchmarks/generate/{dataset}.tsv"
    wildcard_constraints:
        dataset="|".join(GENERATED) or "none",
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        code=code_digest("generate"),
        settings=lambda wildcards: json.dumps(plan.slice("generate", wildcards.dataset)),
    shell:
        "python -m bioner.commands.generate --dataset {wildcards.dataset} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule download:
    output:
        "results/raw/{dataset}/manifest.json",
    log:
        "results/logs/download/{dataset}.log",
    benchmark:
        "results/benchmarks/download/{dataset}.tsv"
    wildcard_constraints:
        dataset="(?!(" + "|".join(GENERATED) + ")/)[a-z][a-z0-9_]*",
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        code=code_digest("download"),
        settings=lambda wildcards: json.dumps(plan.slice("download", wildcards.dataset)),
        # what its user put there (no function of `output`, for Snakemake does not record what such ones give)
        files=lambda wildcards: plan.provided_state(wildcards.dataset, file_digests),
    shell:
        "python -m bioner.commands.download --dataset {wildcards.dataset} --settings {params.settings:q} --licences {LICENCES:q} --output {output:q} > {log:q} 2>&1"


rule harmonize:
    input:
        "results/raw/{dataset}/manifest.json",
    output:
        corpus="results/corpora/{dataset}.jsonl",
        quality="results/harmonized/{dataset}.json",
    log:
        "results/logs/harmonize/{dataset}.log",
    benchmark:
        "results/benchmarks/harmonize/{dataset}.tsv"
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        code=code_digest("harmonize"),
        settings=lambda wildcards: json.dumps(
            plan.slice("harmonize", wildcards.dataset)
        ),
    shell:
        "python -m bioner.commands.harmonize --dataset {wildcards.dataset} --settings {params.settings:q} --raw {input:q} --output {output.corpus:q} --quality {output.quality:q} > {log:q} 2>&1"


rule inspect:
    input:
        corpus="results/corpora/{dataset}.jsonl",
        harmonized="results/harmonized/{dataset}.json",
    output:
        quality="results/quality/{dataset}.json",
        page="results/quality/{dataset}.html",
    log:
        "results/logs/inspect/{dataset}.log",
    benchmark:
        "results/benchmarks/inspect/{dataset}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("inspect"),
        template=files_digest(
            SOURCE, *TEMPLATES, "bioner/reporting/templates/corpus.html"
        ),
        settings=lambda wildcards: json.dumps(plan.slice("inspect", wildcards.dataset)),
    shell:
        "python -m bioner.commands.inspect --dataset {wildcards.dataset} --settings {params.settings:q} --corpus {input.corpus:q}"
        " --harmonized {input.harmonized:q} --quality {output.quality:q} --page {output.page:q} > {log:q} 2>&1"
