# Evaluation. Needs: composed folds (gold and attacks), predictions.
# Makes: results/attacks/..., results/scores/..., results/<experiment>/collected/.


rule attack:
    input:
        f"results/folds/{FOLD}/test.jsonl",
    output:
        f"results/attacks/{FOLD}/{{attack}}.jsonl",
    log:
        f"results/logs/attack/{FOLD}/{{attack}}.log",
    benchmark:
        f"results/benchmarks/attack/{FOLD}/{{attack}}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("attack"),
        settings=lambda wildcards: json.dumps(config["attacks"][wildcards.attack]),
    shell:
        "python -m bioner.commands.attack --test {input:q} --name {wildcards.attack} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule score:
    input:
        gold=f"results/folds/{FOLD}/test.jsonl",
        attacked=lambda wildcards: [
            f"results/attacks/{FOLD}/{name}.jsonl".format(**wildcards)
            for name in plan.text_attacks(Run.of(wildcards))
        ],
        clean=f"results/predictions/{RUN}/clean.jsonl",
        predictions=f"results/predictions/{RUN}/predictions.json",
    output:
        multiext(
            f"results/scores/{RUN}/", "scores.csv", "documents.csv", "confusion.csv"
        ),
    log:
        f"results/logs/score/{RUN}.log",
    benchmark:
        f"results/benchmarks/score/{RUN}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("score"),
        run_keys=lambda wildcards: json.dumps(dict(wildcards)),
        attacked=lambda wildcards, input: [
            f"--attacked={Path(path).stem}={path}" for path in input.attacked
        ],
        folder=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "python -m bioner.commands.score --gold {input.gold:q} {params.attacked:q} --predictions {input.predictions:q} --keys {params.run_keys:q}"
        " --output-folder {params.folder:q} > {log:q} 2>&1"


rule collect:
    input:
        scores=lambda wildcards: [
            f"results/scores/{run.path}/scores.csv"
            for run in plan.experiment(wildcards.experiment).runs
        ],
        runs=lambda wildcards: [
            f"results/runs/{run.path}/run.json"
            for run in plan.experiment(wildcards.experiment).runs
        ],
    output:
        multiext(
            "results/{experiment}/collected/",
            "scores.csv",
            "documents.csv",
            "confusion.csv",
            "history.csv",
            "runs.csv",
        ),
    log:
        "results/logs/collect/{experiment}.log",
    benchmark:
        "results/benchmarks/collect/{experiment}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("collect"),
        settings=lambda wildcards: json.dumps(plan.selection(wildcards.experiment)),
        folder=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "python -m bioner.commands.collect --settings {params.settings:q} --scores results/scores --runs results/runs --output-folder {params.folder:q} > {log:q} 2>&1"
