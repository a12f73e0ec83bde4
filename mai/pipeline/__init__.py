"""From an idea to a commit: propose, check, assess, trial, review, approve, land.

One module per stage, so the folder listing is the pipeline. A stage is one function from a proposal
and the services to an `Outcome`; only `run` knows the order and writes the ledger.
"""
