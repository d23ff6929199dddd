# Tagging. Needs: composed and audited folds; an encoder's source.
# Makes: results/recipes/<model>.json, results/encoders/<encoder>/, results/adapted/..., results/searches/<search>/,
# results/runs/..., results/predictions/..., results/transferred/...

FOLD = "{dataset}/{protocol}/fold{fold}"
# An audit is `ancient`: none is trained before a clean one, and none again for another one of the same fold.
RUN = "{dataset}/{protocol}/{model}/fold{fold}/seed{seed}"
ADAPTED = "{dataset}/{protocol}/{adaptation}/fold{fold}"


rule recipe:
    input:
        lambda wildcards: plan.best(wildcards.model),
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
        best=lambda wildcards, input: [f"--best={path}" for path in input],
    shell:
        "python -m bioner.commands.recipe --settings {params.settings:q} {params.best:q} --output {output:q} > {log:q} 2>&1"


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
        settings=lambda wildcards: json.dumps(plan.encoder(wildcards.encoder)),
        # what lies in folders that it may come from
        files=lambda wildcards: folders_state(
            plan.encoder(wildcards.encoder),
            Path(f"results/encoders/{wildcards.encoder}/encoder.json"),
            file_digests,
        ),
    shell:
        "HF_HUB_OFFLINE={OFFLINE:q} {sys.executable:q} -m bioner.commands.fetch_encoder --encoder {wildcards.encoder} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule adapt:
    input:
        encoder=lambda wildcards: f"results/encoders/{config['adaptations'][wildcards.adaptation]['encoder']}/encoder.json",
        text=lambda wildcards: plan.adaptation_text(
            wildcards.adaptation, wildcards.dataset, FOLD.format(**wildcards)
        ),
        held_out=lambda wildcards: plan.held_out(
            wildcards.protocol, FOLD.format(**wildcards)
        ),
        audit=ancient(f"results/audit/{FOLD}.{{adaptation}}.json"),
    output:
        multiext(
            f"results/adapted/{ADAPTED}/",
            "encoder.json",
            "model.safetensors",
            "config.json",
            "history.csv",
            "adaptation.json",
        ),
    log:
        f"results/logs/adapt/{ADAPTED}.log",
    benchmark:
        f"results/benchmarks/adapt/{ADAPTED}.tsv"
    # trainings wait for it
    priority: FIRST
    conda:
        ENVIRONMENT
    threads: lambda wildcards: config["adaptations"][wildcards.adaptation]["threads"]
    params:
        code=code_digest("adapt"),
        settings=lambda wildcards: json.dumps(
            config["adaptations"][wildcards.adaptation]
        ),
    shell:
        "python -m bioner.commands.adapt --name {wildcards.adaptation} --settings {params.settings:q} --encoder {input.encoder:q} --text {input.text:q}"
        " --held-out {input.held_out:q} --audit {input.audit:q} --output {output[0]:q} > {log:q} 2>&1"


# Values are suggested from the trials of the generations before. Judged on the fold's validation part; its test part is no input.
rule trial:
    input:
        trials=lambda wildcards: plan.trials(wildcards.search, int(wildcards.trial)),
        encoder=lambda wildcards: plan.encoders_of(plan.search_run(wildcards.search)),
        fold=lambda wildcards: [
            f"results/folds/{plan.search_run(wildcards.search).fold_path}/{name}"
            for name in (
                "train.jsonl",
                "variants.jsonl",
                "validation.jsonl",
                "composition.json",
            )
        ],
        audit=lambda wildcards: ancient(
            plan.audit_of(plan.search_run(wildcards.search))
        ),
    output:
        "results/searches/{search}/trial{trial}.json",
    log:
        "results/logs/trial/{search}/trial{trial}.log",
    benchmark:
        "results/benchmarks/trial/{search}/trial{trial}.tsv"
    priority: lambda wildcards: plan.passes(plan.search_run(wildcards.search).model)
    conda:
        ENVIRONMENT
    threads: lambda wildcards: plan.search_recipe(wildcards.search)["training"]["threads"]
    params:
        code=code_digest("trial"),
        recipe=lambda wildcards: json.dumps(plan.search_recipe(wildcards.search)),
        settings=lambda wildcards: json.dumps(plan.search(wildcards.search)),
        seed=lambda wildcards: plan.search_run(wildcards.search).seed,
        encoder=lambda wildcards, input: [f"--encoder={path}" for path in input.encoder],
        fold=lambda wildcards, input: str(Path(input.fold[0]).parent),
        # below a folder of the dataset's name, which DVC leaves out where that is under an agreement
        folder=lambda wildcards: "results/runs/{0.dataset}/{0.protocol}/{0.model}/fold{0.fold}/{1.search}_trial{1.trial}".format(
            plan.search_run(wildcards.search), wildcards
        ),
    shell:
        "python -m bioner.commands.trial --recipe {params.recipe:q} --settings {params.settings:q} --trials {input.trials:q} --trial {wildcards.trial} {params.encoder:q}"
        " --fold {params.fold:q} --audit {input.audit:q} --seed {params.seed} --folder {params.folder:q} --output {output:q} > {log:q} 2>&1"


rule search:
    input:
        lambda wildcards: plan.trials(wildcards.search),
    output:
        best="results/searches/{search}/best.json",
        table="results/searches/{search}/trials.csv",
    log:
        "results/logs/search/{search}.log",
    benchmark:
        "results/benchmarks/search/{search}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("search"),
        settings=lambda wildcards: json.dumps(plan.search(wildcards.search)),
    shell:
        "python -m bioner.commands.search --settings {params.settings:q} --trials {input:q} --best {output.best:q} --table {output.table:q} > {log:q} 2>&1"


rule train:
    input:
        recipe="results/recipes/{model}.json",
        encoder=lambda wildcards: plan.encoders_of(Run.of(wildcards)),
        fold=multiext(
            f"results/folds/{FOLD}/",
            "train.jsonl",
            "variants.jsonl",
            "validation.jsonl",
            "composition.json",
        ),
        audit=lambda wildcards: ancient(plan.audit_of(Run.of(wildcards))),
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
        encoder=lambda wildcards, input: [f"--encoder={path}" for path in input.encoder],
        fold=f"results/folds/{FOLD}",
        run=f"results/runs/{RUN}",
    shell:
        "python -m bioner.commands.train --recipe {input.recipe:q} {params.encoder:q} --fold {params.fold:q} --audit {input.audit:q}"
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
        precision=config["prediction"]["precision"],
        run=f"results/runs/{RUN}",
        folder=f"results/predictions/{RUN}",
    shell:
        "python -m bioner.commands.predict --run {params.run:q} --test {input.test:q} --attacks {params.attacks:q} {params.attacked:q}"
        " --threads {params.threads} --precision {params.precision} --output {params.folder:q} > {log:q} 2>&1"


# A run's model on the test part of another corpus; its types are mapped when it is scored.
rule transfer:
    input:
        run=multiext(
            f"results/runs/{RUN}/", "run.json", "model.safetensors", "config.json"
        ),
        test=lambda wildcards: plan.transfer_test(Run.of(wildcards), wildcards.target),
    output:
        clean=f"results/transferred/{RUN}/{{target}}/clean.jsonl",
        manifest=f"results/transferred/{RUN}/{{target}}/predictions.json",
    log:
        f"results/logs/transfer/{RUN}/{{target}}.log",
    benchmark:
        f"results/benchmarks/transfer/{RUN}/{{target}}.tsv"
    conda:
        ENVIRONMENT
    threads: lambda wildcards: plan.recipe(wildcards.model)["training"]["threads"]
    params:
        code=code_digest("transfer"),
        threads=lambda wildcards: plan.recipe(wildcards.model)["training"]["threads"],
        precision=config["prediction"]["precision"],
        run=f"results/runs/{RUN}",
        folder=f"results/transferred/{RUN}/{{target}}",
    shell:
        "python -m bioner.commands.transfer --run {params.run:q} --test {input.test:q} --threads {params.threads} --precision {params.precision} --output {params.folder:q} > {log:q} 2>&1"
