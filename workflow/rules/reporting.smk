# Reporting. Needs: results/<experiment>/collected/, quality reports and audits.
# Makes: results/<experiment>/tables/, figures/ and report/index.html.

COLLECTED = multiext(
    "results/{experiment}/collected/", *RUN_TABLES, "history.csv", "runs.csv"
)
TABLES = (
    "table1",
    "table1_definitions",
    "robustness",
    "robustness_groups",
    "comparisons",
    "ablations",
    "errors",
    "recall",
    "leakage",
)
OVERLAYS = [str(path) for path in workflow.config_settings.configfiles]
REPORT_TEMPLATES = [
    f"bioner/reporting/templates/{name}"
    for name in ("report.*", "errors.*", "browser_*.js", "plots.js")
]
CONFIGFILES = ["--configfile", *OVERLAYS] if OVERLAYS else []
OVERRIDES = [
    f"{key}={json.dumps(value)}"
    for key, value in workflow.config_settings.config.items()
    if key != "run"
]


rule table1:
    input:
        collected=COLLECTED,
        audits=lambda wildcards: plan.audits(wildcards.experiment),
    output:
        expand(
            "results/{{experiment}}/tables/{table}.{suffix}",
            table=TABLES,
            suffix=("csv", "md", "tex", "html"),
        ),
    log:
        "results/logs/table1/{experiment}.log",
    benchmark:
        "results/benchmarks/table1/{experiment}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("table1"),
        published=files_digest(SOURCE, "bioner/reporting/published/*.csv"),
        settings=lambda wildcards: json.dumps(describe(plan, wildcards.experiment)),
        collected="results/{experiment}/collected",
        folder="results/{experiment}/tables",
    shell:
        "python -m bioner.commands.table1 --collected {params.collected:q} --audits {input.audits:q} --settings {params.settings:q} --output-folder {params.folder:q} > {log:q} 2>&1"


# Tables that not every experiment has.
rule tabulate:
    input:
        collected=COLLECTED,
        rows=lambda wildcards: plan.table_rows(wildcards.experiment, wildcards.table),
    output:
        multiext("results/{experiment}/tables/{table}", ".csv", ".md", ".tex", ".html"),
    log:
        "results/logs/tabulate/{experiment}/{table}.log",
    benchmark:
        "results/benchmarks/tabulate/{experiment}/{table}.tsv"
    wildcard_constraints:
        table="postprocessing|linking|transfer",
    conda:
        ENVIRONMENT
    params:
        code=code_digest("tabulate"),
        settings=lambda wildcards: json.dumps(describe(plan, wildcards.experiment)),
        further=lambda wildcards: json.dumps(
            plan.table_settings(wildcards.experiment, wildcards.table)
        ),
        collected="results/{experiment}/collected",
        folder="results/{experiment}/tables",
    shell:
        "python -m bioner.commands.tabulate --table {wildcards.table} --collected {params.collected:q} --rows {input.rows:q} --settings {params.settings:q}"
        " --further {params.further:q} --output-folder {params.folder:q} > {log:q} 2>&1"


# The configuration is handed on by globals: as params, it would rebuild the figure with every change.
rule rulegraph:
    output:
        "results/{experiment}/rulegraph.dot",
    log:
        "results/logs/rulegraph/{experiment}.log",
    benchmark:
        "results/benchmarks/rulegraph/{experiment}.tsv"
    params:
        code=code_digest("rulegraph"),
        rules=files_digest(workflow.basedir, "Snakefile", "workflow/rules/*.smk"),
        parts=lambda wildcards: json.dumps(plan.graph(wildcards.experiment)),
    shell:
        "{sys.executable:q} -m snakemake --snakefile {workflow.main_snakefile:q} --nolock --cores 1 {CONFIGFILES:q}"
        " --config 'run=[{wildcards.experiment}]' {OVERRIDES:q} --rulegraph dot 2> {log:q}"
        " | {sys.executable:q} -m bioner.commands.rulegraph --output {output:q} 2>> {log:q}"


rule figures:
    input:
        collected=COLLECTED,
        rulegraph="results/{experiment}/rulegraph.dot",
    output:
        folder=directory("results/{experiment}/figures"),
        digests="results/{experiment}/figures.json",
    log:
        "results/logs/figures/{experiment}.log",
    benchmark:
        "results/benchmarks/figures/{experiment}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("figures"),
        settings=lambda wildcards: json.dumps(describe(plan, wildcards.experiment)),
        collected="results/{experiment}/collected",
    shell:
        "python -m bioner.commands.figures --collected {params.collected:q} --settings {params.settings:q} --rulegraph {input.rulegraph:q} --output-folder {output.folder:q} > {log:q} 2>&1"


rule report:
    input:
        tables="results/{experiment}/tables/table1.csv",
        # a folder has times and no checksum: after `dvc pull` it could not be told from a newer one
        figures="results/{experiment}/figures.json",
        collected=COLLECTED,
        quality=lambda wildcards: [
            f"results/quality/{dataset}.json"
            for dataset in plan.experiment(wildcards.experiment).present
        ],
        audits=lambda wildcards: plan.audits(wildcards.experiment),
        browser=lambda wildcards: plan.browser_files(wildcards.experiment),
        further=lambda wildcards: [
            f"results/{wildcards.experiment}/tables/{table}.csv"
            for table in plan.further_tables(wildcards.experiment)
        ],
    output:
        index="results/{experiment}/report/index.html",
        errors="results/{experiment}/report/errors.html",
        data=directory("results/{experiment}/report/data"),
    log:
        "results/logs/report/{experiment}.log",
    benchmark:
        "results/benchmarks/report/{experiment}.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("report"),
        template=files_digest(SOURCE, *TEMPLATES, *REPORT_TEMPLATES),
        selection=lambda wildcards: json.dumps(plan.browser(wildcards.experiment)),
        settings=lambda wildcards: json.dumps(describe(plan, wildcards.experiment)),
        provenance=lambda wildcards: json.dumps(plan.provenance(wildcards.experiment)),
        tables="results/{experiment}/tables",
        figures="results/{experiment}/figures",
        collected="results/{experiment}/collected",
    shell:
        "python -m bioner.commands.report --tables {params.tables:q} --further {input.further:q} --figures {params.figures:q} --quality {input.quality:q} --audits {input.audits:q}"
        " --collected {params.collected:q} --selection {params.selection:q} --results results --settings {params.settings:q}"
        " --provenance {params.provenance:q} --output {output.index:q} > {log:q} 2>&1"


# For DVC: the headline figures, and what it may know of corpora under agreement.
rule metrics:
    input:
        [
            f"results/{experiment.name}/collected/scores.csv"
            for experiment in plan.experiments
        ],
    output:
        "results/metrics.json",
    log:
        "results/logs/metrics/metrics.log",
    benchmark:
        "results/benchmarks/metrics/metrics.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("metrics"),
        settings=lambda wildcards: json.dumps(
            [describe(plan, experiment.name) for experiment in plan.experiments]
        ),
    shell:
        "python -m bioner.commands.metrics --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule agreement:
    input:
        scores=[f"results/scores/{run.path}/scores.csv" for run in CLOSED],
        linked=[
            f"results/linked/{run.path}/{ontology}.csv"
            for run, ontology in LINKED
            if run.dataset in UNDER_AGREEMENT
        ],
        quality=sorted({f"results/quality/{run.dataset}.json" for run in CLOSED}),
    output:
        "results/agreement.json",
    log:
        "results/logs/agreement/agreement.log",
    benchmark:
        "results/benchmarks/agreement/agreement.tsv"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("agreement"),
    shell:
        "python -m bioner.commands.agreement --scores {input.scores:q} --output {output:q} > {log:q} 2>&1"
