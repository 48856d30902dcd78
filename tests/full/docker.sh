# nodes, the compose example and the commands of the CI templates with containers of a real Docker
# sources: harness/target/docker.cpp scenarios/targets/compose-example.yaml scenarios/ci tests/docker
[ "$(id -u)" = 0 ] || { say "a Docker daemon needs root"; exit 77; }
need docker
build_release
build test "${sanitized[@]}"
export CARDSTORM_RELEASE_BIN="$root/build/release/bin"
run_suites test -R '^(docker|integration\.ci)$'
