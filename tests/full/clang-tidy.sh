# clang-tidy's checks (.clang-tidy) on the files that changed since CARDSTORM_TIDY_SINCE, or since the parent commit
# sources: harness reports reference_platform tests .clang-tidy
command -v clang-tidy > /dev/null || { say "needs clang-tidy (apt-get install clang-tidy)"; exit 77; }
git -C "$root" rev-parse -q --verify HEAD~1 > /dev/null || { say "needs the history of git"; exit 77; }
configured="$root/build/clang-tidy"
cmake -S "$root" -B "$configured" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCARDSTORM_UNITY=OFF -DCARDSTORM_PLATFORM=ON -DCARDSTORM_TESTS=ON \
  > "$root/build/full/clang-tidy.cmake.log"
cd "$root"
mapfile -t changed < <(git diff --name-only --diff-filter=d "${CARDSTORM_TIDY_SINCE:-HEAD~1}" -- 'harness/*.cpp' 'reports/*.cpp' 'reference_platform/*.cpp' 'tests/*.cpp')
[ ${#changed[@]} -gt 0 ] || exit 0
say "${#changed[@]} files"
printf '%s\0' "${changed[@]}" | xargs -0 -P2 -n4 clang-tidy --quiet -p "$configured" --extra-arg=-Wno-unknown-warning-option 2> /dev/null | tee "$root/build/full/clang-tidy.log" || true
grep -E ': (warning|error): ' "$root/build/full/clang-tidy.log" | sort -u > "$failures" || true
[ ! -s "$failures" ]
