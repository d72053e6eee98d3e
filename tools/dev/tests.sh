# Running tests, measurements and fuzzers. Sourced by ./dev.
# Every runner leaves a file of results in build/results; tools/dev/tally.py adds them up. What is
# not there fails: a skipped test, a runner that ran nothing, a program that does not start.
# shellcheck shell=sh
: "${root:?comes from ./dev}"

test_all() {
    rm -rf build/results
    mkdir -p build/results
    if [ $# = 0 ]; then
        run_c release
        [ ! -d tests/web/unit ] || run_web
        [ ! -d tests/integration ] || run_integration tests/integration
        [ ! -d tests/web/e2e ] || run_e2e tests/web/e2e/*.test.mjs
    else
        test_named "$1"
    fi
    python3 tools/dev/tally.py build/results
}

# One suite or one test, wherever it lives.
test_named() {
    case $1 in
        web) run_web ;;
        integration) run_integration tests/integration ;;
        e2e) run_e2e tests/web/e2e/*.test.mjs ;;
        *)
            if [ -f "tests/integration/test_$1.py" ]; then
                run_integration "tests/integration/test_$1.py"
            elif [ -f "tests/web/e2e/$1.test.mjs" ]; then
                run_e2e "tests/web/e2e/$1.test.mjs"
            else
                run_c release "$1"
            fi ;;
    esac
}

# asan, tsan: the C suites in a build of their own.
test_variant() {
    build_checked "$1"
    rm -rf build/results
    mkdir -p build/results
    export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}"
    export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
    export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}"
    run_c "$@"
    python3 tools/dev/tally.py build/results
}

# ended CODE RUNNER: a runner that failed says so in a file, whatever its results say.
ended() {
    [ "$1" = 0 ] || echo "$1" >"build/results/$2.exit"
}

# run_c VARIANT [SUITE|TEST]: meson's tests; prints one line a program, and the output of failures.
run_c() {
    variant=$1
    shift
    if [ $# = 1 ]; then
        case " $(c_tests "$variant" 2) " in
            *" $1 "*) set -- --suite "$1" ;;
            *)
                case " $(c_tests "$variant" 1) " in
                    *" $1 "*) ;;
                    *) die "no suite or test '$1'; suites: $(c_tests "$variant" 2); tests: $(c_tests "$variant" 1)" ;;
                esac ;;
        esac
    fi
    rm -f "build/$variant/meson-logs/testlog.json"
    rc=0
    meson test -C "build/$variant" --no-rebuild --print-errorlogs "$@" || rc=$?
    cp "build/$variant/meson-logs/testlog.json" build/results/c.meson || rc=1
    ended "$rc" c
}

# c_tests VARIANT 1|2: names of the tests (1) or of their suites (2), each once, on one line.
c_tests() {
    meson introspect "build/$1" --tests | python3 -c '
import json, sys
tests = json.load(sys.stdin)
names = {t["name"] for t in tests}, {s.split(":")[-1] for t in tests for s in t["suite"]}
print(*sorted(names[int(sys.argv[1]) - 1]))' "$2"
}

# The page's logic, in Node.
run_web() {
    say "tests of the page's parts"
    rc=0
    node tests/web/unit/run.mjs >build/results/web.tap 2>&1 || rc=$?
    show_tap build/results/web.tap
    ended "$rc" web
}

run_integration() {
    say "tests of the whole program"
    rc=0
    ALCO=$root/build/alco JSON_DUMP=$root/build/release/tests/support/json_dump \
        PROP_CANDIDATES=$root/build/release/tests/property/prop_candidates \
        PROP_ROW=$root/build/release/tests/property/prop_row \
        PYTHONDONTWRITEBYTECODE=1 timeout -k 10 1800 /usr/bin/python3 -m pytest -q \
        -p no:cacheprovider -o faulthandler_timeout=240 --tb=short --junitxml=build/results/integration.junit "$@" || rc=$?
    ended "$rc" integration
}

# The page in Chromium, against a server of its own.
run_e2e() {
    say "tests of the page in a browser"
    if serve_for_e2e; then
        rc=0
        ALCO_URL=$(sed -n 's/^alco: ready on //p' build/log/e2e-serve) \
            timeout -k 10 900 node --test --test-reporter=tap "$@" >build/results/e2e.tap 2>&1 || rc=$?
        end_serve || rc=$?
        show_tap build/results/e2e.tap
    else
        rc=1
    fi
    ended "$rc" e2e
}

# Starts alco on a free port; returns when it answers, or fails.
serve_for_e2e() {
    rm -rf build/e2e-data
    : >"$(log_file e2e-serve)"
    build/alco serve --data build/e2e-data --listen 127.0.0.1:0 >>build/log/e2e-serve 2>&1 &
    serve_pid=$!
    trap 'kill "$serve_pid" 2>/dev/null || true' EXIT
    until grep -q '^alco: ready on ' build/log/e2e-serve; do
        kill -0 "$serve_pid" 2>/dev/null || {
            say "alco serve did not start"
            cat build/log/e2e-serve
            return 1
        }
        sleep 0.1
    done
}

# It must end well, too.
end_serve() {
    trap - EXIT
    kill "$serve_pid" 2>/dev/null || true
    wait "$serve_pid" && return 0
    say "alco serve ended with $?"
    tail -n 20 build/log/e2e-serve
    return 1
}

# Of Node's report only the failures, with what they said.
show_tap() {
    awk '
        /^ *(not )?ok / { failed = /^ *not ok / }
        failed { print }
        /^(#|ℹ) (pass|fail|cancelled|skipped) / { print }
        { n++ }
        END { if (!n) print "(no output)" }' "$1"
}

# fuzz_all [TARGET] [SECONDS]. New inputs gather in build/fuzz/corpus; what breaks in build/fuzz/found.
fuzz_all() {
    seconds=60
    only=
    for arg; do
        case $arg in
            *[!0-9]*) only=$arg ;;
            *) seconds=$arg ;;
        esac
    done
    build_checked fuzz
    n=0
    for program in build/fuzz/tests/fuzz/fuzz_*; do
        { [ -f "$program" ] && [ -x "$program" ]; } || continue
        target=${program##*/fuzz_}
        [ -z "$only" ] || [ "$only" = "$target" ] || continue
        n=$((n + 1))
        fuzz_one "$program" "$target" "$seconds"
    done
    [ "$n" -gt 0 ] || die "no fuzz target '${only:-any}'"
    say "$n fuzz targets, $seconds s each: nothing found"
}

fuzz_one() {
    mkdir -p "build/fuzz/corpus/$2" build/fuzz/found
    log=$(log_file "fuzz-$2")
    set -- "$1" "$2" "$3" "build/fuzz/corpus/$2"
    [ ! -d "tests/fuzz/corpus/$2" ] || set -- "$@" "tests/fuzz/corpus/$2"
    program=$1 target=$2 seconds=$3
    shift 3
    dict=
    [ ! -f "tests/fuzz/$target.dict" ] || dict=-dict=tests/fuzz/$target.dict
    say "fuzzing $target for $seconds s"
    "$program" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/found/$target-" ${dict:+"$dict"} "$@" >"$log" 2>&1 || {
        tail -n 60 "$log" >&2
        die "$target: found something; the input is in build/fuzz/found"
    }
    sed -n 's/^stat::number_of_executed_units: */  runs: /p' "$log"
}

# bench_all [NAME]: programs and scripts of tests/bench.
bench_all() {
    n=0
    for bench in tests/bench/bench_*.py; do
        name=${bench##*/bench_}
        name=${name%.py}
        [ $# = 0 ] || [ "$1" = "$name" ] || continue
        n=$((n + 1))
        say "measuring $name"
        ALCO=$root/build/alco "$bench"
    done
    [ "$n" -gt 0 ] || die "there is nothing to measure called '${1:-}' in tests/bench"
}
