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
    conda:
        ENVIRONMENT
    params:
        code=code_digest("normalize"),
        settings=json.dumps(config["preparation"]["normalize"]),
    shell:
        "python -m bioner.commands.normalize --corpus {input:q} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule augment:
    input:
        "results/normalized/{dataset}.jsonl",
    output:
        "results/augmented/{dataset}/noise.jsonl",
    log:
        "results/logs/augment/{dataset}.log",
    benchmark:
        "results/benchmarks/augment/{dataset}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("augment"),
        settings=json.dumps({"noise": config["preparation"]["noise"]}),
    shell:
        "python -m bioner.commands.augment --normalized {input:q} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule split:
    input:
        "results/corpora/{dataset}.jsonl",
    output:
        "results/splits/{dataset}/{protocol}.json",
    log:
        "results/logs/split/{dataset}/{protocol}.log",
    benchmark:
        "results/benchmarks/split/{dataset}/{protocol}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("split"),
        settings=json.dumps({"seed": config["preparation"]["split_seed"]}),
    shell:
        "python -m bioner.commands.split --corpus {input:q} --protocol {wildcards.protocol} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule compose:
    input:
        corpus="results/corpora/{dataset}.jsonl",
        normalized="results/normalized/{dataset}.jsonl",
        variants="results/augmented/{dataset}/noise.jsonl",
        splits="results/splits/{dataset}/{protocol}.json",
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
    conda:
        ENVIRONMENT
    params:
        code=code_digest("compose"),
        settings=json.dumps(
            {
                "normalize": config["preparation"]["normalize"],
                "synonyms": config["preparation"]["synonyms"],
            }
        ),
        folder=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "python -m bioner.commands.compose --corpus {input.corpus:q} --normalized {input.normalized:q} --variants {input.variants:q} --splits {input.splits:q}"
        " --fold {wildcards.fold} --settings {params.settings:q} --output-folder {params.folder:q} > {log:q} 2>&1"


rule audit:
    input:
        multiext(
            "results/folds/{dataset}/{protocol}/fold{fold}/",
            "train.jsonl",
            "variants.jsonl",
            "validation.jsonl",
            "test.jsonl",
            "lexicon.json",
            "composition.json",
        ),
    output:
        "results/audit/{dataset}/{protocol}/fold{fold}.json",
    log:
        "results/logs/audit/{dataset}/{protocol}/fold{fold}.log",
    benchmark:
        "results/benchmarks/audit/{dataset}/{protocol}/fold{fold}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("audit"),
        settings=lambda wildcards: json.dumps(
            {"allowed": config["datasets"][wildcards.dataset]["allowed_leaks"]}
        ),
        folder=lambda wildcards, input: str(Path(input[0]).parent),
    shell:
        "python -m bioner.commands.audit --folder {params.folder:q} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"
