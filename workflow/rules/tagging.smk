# Tagging. Needs: composed and audited folds; an encoder's source.
# Makes: results/recipes/<model>.json, results/encoders/<encoder>/, results/runs/..., results/predictions/...

FOLD = "{dataset}/{protocol}/fold{fold}"
RUN = "{dataset}/{protocol}/{model}/fold{fold}/seed{seed}"


rule recipe:
    output:
        "results/recipes/{model}.json",
    log:
        "results/logs/recipe/{model}.log",
    benchmark:
        "results/benchmarks/recipe/{model}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("recipe"),
        settings=lambda wildcards: json.dumps(plan.recipe(wildcards.model)),
    shell:
        "python -m bioner.commands.recipe --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


# Runs in Snakemake's own environment, where an encoder's package is installed.
rule fetch_encoder:
    output:
        "results/encoders/{encoder}/encoder.json",
    log:
        "results/logs/fetch_encoder/{encoder}.log",
    benchmark:
        "results/benchmarks/fetch_encoder/{encoder}.tsv"
    params:
        code=code_digest("fetch_encoder"),
        settings=lambda wildcards: json.dumps(config["encoders"][wildcards.encoder]),
    shell:
        "HF_HUB_OFFLINE={OFFLINE:q} {sys.executable:q} -m bioner.commands.fetch_encoder --encoder {wildcards.encoder} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule train:
    input:
        recipe="results/recipes/{model}.json",
        encoder=lambda wildcards: f"results/encoders/{config['models'][wildcards.model]['encoder']}/encoder.json",
        fold=multiext(
            f"results/folds/{FOLD}/",
            "train.jsonl",
            "variants.jsonl",
            "validation.jsonl",
            "composition.json",
        ),
        audit=f"results/audit/{FOLD}.json",
    output:
        multiext(
            f"results/runs/{RUN}/",
            "run.json",
            "model.safetensors",
            "config.json",
            "history.csv",
        ),
    log:
        f"results/logs/train/{RUN}.log",
    benchmark:
        f"results/benchmarks/train/{RUN}.tsv"
    # the longest jobs first, so that short ones fill the cores at the end
    priority: lambda wildcards: plan.passes(wildcards.model)
    conda:
        ENVIRONMENT
    threads: lambda wildcards: plan.recipe(wildcards.model)["training"]["threads"]
    params:
        code=code_digest("train"),
        fold=lambda wildcards, input: str(Path(input.fold[0]).parent),
        run=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "python -m bioner.commands.train --recipe {input.recipe:q} --encoder {input.encoder:q} --fold {params.fold:q} --audit {input.audit:q}"
        " --seed {wildcards.seed} --output {params.run:q} > {log:q} 2>&1"


rule predict:
    input:
        run=multiext(
            f"results/runs/{RUN}/", "run.json", "model.safetensors", "config.json"
        ),
        test=f"results/folds/{FOLD}/test.jsonl",
        attacked=lambda wildcards: [
            f"results/attacks/{FOLD}/{name}.jsonl".format(**wildcards)
            for name in plan.text_attacks(Run.of(wildcards))
        ],
    output:
        clean=f"results/predictions/{RUN}/clean.jsonl",
        manifest=f"results/predictions/{RUN}/predictions.json",
    log:
        f"results/logs/predict/{RUN}.log",
    benchmark:
        f"results/benchmarks/predict/{RUN}.tsv"
    conda:
        ENVIRONMENT
    threads: lambda wildcards: plan.recipe(wildcards.model)["training"]["threads"]
    params:
        code=code_digest("predict"),
        attacks=lambda wildcards: json.dumps(plan.white_box_attacks(Run.of(wildcards))),
        attacked=lambda wildcards, input: [
            f"--attacked={Path(path).stem}={path}" for path in input.attacked
        ],
        threads=lambda wildcards: plan.recipe(wildcards.model)["training"]["threads"],
        run=lambda wildcards, input: str(Path(input.run[0]).parent),
        folder=lambda wildcards, output: str(Path(output.clean).parent),
    shell:
        "python -m bioner.commands.predict --run {params.run:q} --test {input.test:q} --attacks {params.attacks:q} {params.attacked:q}"
        " --threads {params.threads} --output {params.folder:q} > {log:q} 2>&1"
