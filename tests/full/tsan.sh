# races between threads: the tests of the rooms under ThreadSanitizer
# sources: harness/core harness/net harness/drive harness/lease harness/fault harness/partners harness/run harness/observe reference_platform
# Whole platforms stay out: the sanitizer loses its way where threads fork. So does Kafka's client, which is not built for it.
target=unit_tests build tsan Debug -DCARDSTORM_PLATFORM=ON -DCARDSTORM_TESTS=ON -DCARDSTORM_SANITIZE=thread
export TSAN_OPTIONS=die_after_fork=0
run_suites tsan -L '^unit$' -E '^unit_platform[.](supervisor|queue)$' || true
"$root/build/tsan/bin/unit_platform" --gtest_brief=1 --gtest_filter='*QueueContract.*:RedisQueue.*-*/Kafka' || echo unit_platform.queue >> "$failures"
[ ! -s "$failures" ]
