# The stages of dvc.yaml as targets. What is made of a corpus under agreement belongs to the rule `agreement` alone.

RUNS = plan.runs
UNDER_AGREEMENT = set(under_agreement(config["datasets"]))
CLOSED = [run for run in RUNS if run.dataset in UNDER_AGREEMENT]
OPEN = [run for run in RUNS if run.dataset not in UNDER_AGREEMENT]
LINKED = plan.linked
TRANSFERS = plan.transferred


rule data:
    input:
        {f"results/quality/{run.dataset}.json" for run in OPEN},
        {f"results/audit/{run.fold_path}.json" for run in OPEN},
        # of the text that an encoder is adapted on too, which asks for that text, and of what trials of searches train
        {plan.audit_of(run) for run in OPEN + plan.searched_runs},
        {
            f"results/attacks/{run.fold_path}/{attack}.jsonl"
            for run in OPEN
            for attack in plan.text_attacks(run)
        },
        {plan.transfer_test(run, target) for run, target in TRANSFERS},
        {
            f"results/raw/{ontology}/manifest.json"
            for run, ontology in LINKED
            if run.dataset not in UNDER_AGREEMENT
        },


rule models:
    input:
        {f"results/recipes/{run.model}.json" for run in RUNS},
        {
            f"results/encoders/{config['models'][run.model]['encoder']}/encoder.json"
            for run in RUNS
            if config["models"][run.model]["encoder"]
        },
        {f"results/scores/{run.path}/scores.csv" for run in OPEN},
        {
            f"results/transferred/{run.path}/{target}/scores.csv"
            for run, target in TRANSFERS
        },
        {
            f"results/linked/{run.path}/{ontology}.csv"
            for run, ontology in LINKED
            if run.dataset not in UNDER_AGREEMENT
        },
