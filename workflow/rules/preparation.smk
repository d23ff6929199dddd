# Preparation. Needs: results/corpora/<dataset>.jsonl.
# Makes: normalized documents, variants, splits, composed folds and their audits.


rule normalize:
    input:
        "results/corpora/{dataset}.jsonl",
    output:
        "results/normalized/{dataset}.jsonl",
    log:
        "results/logs/normalize/{dataset}.log",
    benchmark:
        "results/benchmarks/normalize/{dataset}.tsv"
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        code=code_digest("normalize"),
        settings=lambda wildcards: json.dumps(config["preparation"]["normalize"]),
    shell:
        "python -m bioner.commands.normalize --corpus {input:q} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule augment:
    input:
        normalized="results/normalized/{dataset}.jsonl",
        translators=lambda wildcards: [
            f"results/encoders/{encoder}/encoder.json"
            for encoder in plan.translators(wildcards.kind)
        ],
    output:
        "results/augmented/{dataset}/{kind}.jsonl",
    log:
        "results/logs/augment/{dataset}/{kind}.log",
    benchmark:
        "results/benchmarks/augment/{dataset}/{kind}.tsv"
    wildcard_constraints:
        kind="noise|shuffling|back_translation",
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        code=code_digest("augment"),
        settings=lambda wildcards: json.dumps(
            {wildcards.kind: config["preparation"][wildcards.kind]}
        ),
    shell:
        "python -m bioner.commands.augment --normalized {input.normalized:q} --settings {params.settings:q} --translators {input.translators:q}"
        " --output {output:q} > {log:q} 2>&1"


rule split:
    input:
        corpus="results/corpora/{dataset}.jsonl",
        normalized="results/normalized/{dataset}.jsonl",
        variants=lambda wildcards: [
            f"results/augmented/{wildcards.dataset}/{kind}.jsonl"
            for kind in plan.document_variants
            if wildcards.protocol.startswith("augment_first")
        ],
    output:
        "results/splits/{dataset}/{protocol}.json",
    log:
        "results/logs/split/{dataset}/{protocol}.log",
    benchmark:
        "results/benchmarks/split/{dataset}/{protocol}.tsv"
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        code=code_digest("split"),
        settings=lambda wildcards: json.dumps(
            {
                "seed": config["preparation"]["split_seed"],
                "near_duplicates": config["preparation"]["near_duplicates"],
                "deduplicate": (
                    config["datasets"][wildcards.dataset]["deduplicate"]
                    if wildcards.protocol == "official"
                    else "none"
                ),
            }
        ),
    shell:
        "python -m bioner.commands.split --corpus {input.corpus:q} --normalized {input.normalized:q} --variants {input.variants:q}"
        " --protocol {wildcards.protocol} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule compose:
    input:
        corpus="results/corpora/{dataset}.jsonl",
        normalized="results/normalized/{dataset}.jsonl",
        variants=[
            f"results/augmented/{{dataset}}/{kind}.jsonl"
            for kind in plan.document_variants
        ],
        lexicons=plan.lexicon_files,
        splits=lambda wildcards: f"results/splits/{wildcards.dataset}/{Protocol.parse(wildcards.protocol).division}.json",
        equal_to=lambda wildcards: [
            f"results/splits/{wildcards.dataset}/{division}.json"
            for division in plan.equal_to(wildcards.dataset, wildcards.protocol)
        ],
    output:
        multiext(
            "results/folds/{dataset}/{protocol}/fold{fold}/",
            "train.jsonl",
            "variants.jsonl",
            "validation.jsonl",
            "test.jsonl",
            "lexicon.json",
            "composition.json",
        ),
    log:
        "results/logs/compose/{dataset}/{protocol}/fold{fold}.log",
    benchmark:
        "results/benchmarks/compose/{dataset}/{protocol}/fold{fold}.tsv"
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        code=code_digest("compose"),
        settings=lambda wildcards: json.dumps(plan.composition),
        folder="results/folds/{dataset}/{protocol}/fold{fold}",
    shell:
        "python -m bioner.commands.compose --corpus {input.corpus:q} --normalized {input.normalized:q} --variants {input.variants:q} --splits {input.splits:q}"
        " --protocol {wildcards.protocol} --equal-to {input.equal_to:q} --fold {wildcards.fold} --settings {params.settings:q} --output-folder {params.folder:q} > {log:q} 2>&1"


# `adapted` is the name of an adaptation after a dot, whose text is looked at too, or nothing.
rule audit:
    input:
        adaptation=lambda wildcards: [
            path
            for adaptation in wildcards.adapted.split(".")[1:]
            for path in plan.adaptation_text(
                adaptation,
                wildcards.dataset,
                "{dataset}/{protocol}/fold{fold}".format(**wildcards),
            )
        ],
        fold=multiext(
            "results/folds/{dataset}/{protocol}/fold{fold}/",
            "train.jsonl",
            "variants.jsonl",
            "validation.jsonl",
            "test.jsonl",
            "lexicon.json",
            "composition.json",
        ),
    output:
        "results/audit/{dataset}/{protocol}/fold{fold}{adapted}.json",
    log:
        "results/logs/audit/{dataset}/{protocol}/fold{fold}{adapted}.log",
    benchmark:
        "results/benchmarks/audit/{dataset}/{protocol}/fold{fold}{adapted}.tsv"
    wildcard_constraints:
        adapted=r"(\.[a-z][a-z0-9_]*)?",
    priority: FIRST
    conda:
        ENVIRONMENT
    params:
        code=code_digest("audit"),
        settings=lambda wildcards: json.dumps(
            {
                "allowed": config["datasets"][wildcards.dataset]["allowed_leaks"],
                "near_duplicates": config["preparation"]["near_duplicates"],
            }
        ),
        folder="results/folds/{dataset}/{protocol}/fold{fold}",
    shell:
        "python -m bioner.commands.audit --folder {params.folder:q} --settings {params.settings:q} --adaptation {input.adaptation:q} --output {output:q} > {log:q} 2>&1"
