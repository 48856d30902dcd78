# the long matrices, of which `./cardstorm test` takes a sample: mutated files, damaged requests
# sources: harness/scenario harness/trace reference_platform tests/unit/scenario tests/unit/trace tests/unit/platform
build test "${sanitized[@]}"
export CARDSTORM_FULL=1 MUTATION_ROUNDS=5000
run_suites test -R '^(unit_scenario|unit_trace|unit_platform[.]fuzz)$'
