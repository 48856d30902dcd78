# races between threads: the tests of the rooms under ThreadSanitizer
# sources: harness/core harness/net harness/drive harness/lease harness/fault harness/partners harness/run harness/observe reference_platform
# Whole platforms stay out: the sanitizer loses its way where threads fork.
target=unit_tests build tsan Debug -DCARDSTORM_PLATFORM=ON -DCARDSTORM_TESTS=ON -DCARDSTORM_SANITIZE=thread
export TSAN_OPTIONS=die_after_fork=0 GTEST_FILTER='-Supervisor.*:*/Kafka'
run_suites tsan -L '^unit$'
