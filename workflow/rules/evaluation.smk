# Evaluation. Needs: composed folds (gold and attacks), predictions.
# Makes: results/attacks/..., results/postprocessed/..., results/scores/..., results/linked/..., results/<experiment>/collected/.


rule attack:
    input:
        test=f"results/folds/{FOLD}/test.jsonl",
        names=lambda wildcards: plan.attack_names(
            wildcards.attack, FOLD.format(**wildcards)
        ),
        composition=f"results/folds/{FOLD}/composition.json",
        model=lambda wildcards: plan.attack_model(
            wildcards.attack, wildcards.dataset, wildcards.protocol, wildcards.fold
        ),
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
        "python -m bioner.commands.attack --test {input.test:q} --names {input.names:q} --composition {input.composition:q} --model {input.model:q}"
        " --name {wildcards.attack} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule postprocess:
    input:
        f"results/predictions/{RUN}/clean.jsonl",
    output:
        predictions=f"results/postprocessed/{RUN}/clean.jsonl",
        manifest=f"results/postprocessed/{RUN}/postprocess.json",
    log:
        f"results/logs/postprocess/{RUN}.log",
    benchmark:
        f"results/benchmarks/postprocess/{RUN}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("postprocess"),
        settings=lambda wildcards: json.dumps(config["postprocessing"]),
    shell:
        "python -m bioner.commands.postprocess --predictions {input:q} --settings {params.settings:q} --output {output.predictions:q}"
        " --manifest {output.manifest:q} > {log:q} 2>&1"


rule score:
    input:
        gold=f"results/folds/{FOLD}/test.jsonl",
        attacked=lambda wildcards: [
            f"results/attacks/{FOLD}/{name}.jsonl".format(**wildcards)
            for name in plan.text_attacks(Run.of(wildcards))
        ],
        training=f"results/folds/{FOLD}/train.jsonl",
        composition=f"results/folds/{FOLD}/composition.json",
        clean=f"results/predictions/{RUN}/clean.jsonl",
        predictions=f"results/predictions/{RUN}/predictions.json",
        postprocessed=lambda wildcards: [
            f"results/postprocessed/{RUN}/{name}".format(**wildcards)
            for name in plan.postprocessed_files
        ],
    output:
        multiext(f"results/scores/{RUN}/", *RUN_TABLES),
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
        postprocessed=lambda wildcards, input: [
            f"--postprocessed={path}" for path in input.postprocessed[:1]
        ],
        folder=f"results/scores/{RUN}",
    shell:
        "python -m bioner.commands.score --gold {input.gold:q} {params.attacked:q} {params.postprocessed:q} --predictions {input.predictions:q}"
        " --training {input.training:q} --composition {input.composition:q} --keys {params.run_keys:q}"
        " --output-folder {params.folder:q} > {log:q} 2>&1"


rule link:
    input:
        ontology="results/raw/{ontology}/manifest.json",
        gold=f"results/folds/{FOLD}/test.jsonl",
        clean=f"results/predictions/{RUN}/clean.jsonl",
        postprocessed=lambda wildcards: [
            f"results/postprocessed/{RUN}/{name}".format(**wildcards)
            for name in plan.postprocessed_files[1:]
        ],
    output:
        predictions=f"results/linked/{RUN}/{{ontology}}.jsonl",
        table=f"results/linked/{RUN}/{{ontology}}.csv",
    log:
        f"results/logs/link/{RUN}/{{ontology}}.log",
    benchmark:
        f"results/benchmarks/link/{RUN}/{{ontology}}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("link"),
        types=lambda wildcards: plan.disease_types(wildcards.dataset),
        run_keys=lambda wildcards: json.dumps(dict(wildcards)),
        postprocessed=lambda wildcards, input: [
            f"--predictions=postprocessed={path}" for path in input.postprocessed
        ],
    shell:
        "python -m bioner.commands.link --ontology {input.ontology:q} --gold {input.gold:q} --predictions clean={input.clean:q} {params.postprocessed:q}"
        " --types {params.types:q} --keys {params.run_keys:q} --output {output.predictions:q} --table {output.table:q} > {log:q} 2>&1"


rule score_transfer:
    input:
        gold=lambda wildcards: plan.transfer_test(Run.of(wildcards), wildcards.target),
        training=lambda wildcards: plan.trained_on(Run.of(wildcards)),
        composition=f"results/folds/{FOLD}/composition.json",
        predictions=f"results/transferred/{RUN}/{{target}}/predictions.json",
        clean=f"results/transferred/{RUN}/{{target}}/clean.jsonl",
    output:
        multiext(
            f"results/transferred/{RUN}/{{target}}/",
            "scores.csv",
            "documents.csv",
            "left_out.json",
        ),
    log:
        f"results/logs/score_transfer/{RUN}/{{target}}.log",
    benchmark:
        f"results/benchmarks/score_transfer/{RUN}/{{target}}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("score_transfer"),
        types=lambda wildcards: json.dumps(
            plan.transfer_types(wildcards.dataset, wildcards.target)
        ),
        run_keys=lambda wildcards: json.dumps(dict(wildcards)),
        folder=f"results/transferred/{RUN}/{{target}}",
    shell:
        "python -m bioner.commands.score_transfer --gold {input.gold:q} --training {input.training:q} --predictions {input.predictions:q}"
        " --composition {input.composition:q} --types {params.types:q} --keys {params.run_keys:q} --output-folder {params.folder:q} > {log:q} 2>&1"


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
            "results/{experiment}/collected/", *RUN_TABLES, "history.csv", "runs.csv"
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
        folder="results/{experiment}/collected",
    shell:
        "python -m bioner.commands.collect --settings {params.settings:q} --scores results/scores --runs results/runs --output-folder {params.folder:q} > {log:q} 2>&1"
