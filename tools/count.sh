# shellcheck shell=bash disable=SC2154
# Counts of what was claimed: each claim that held or not counts by itself, and silence as a failure.

passed=0
failed=0

# check NAME COMMAND...: one line, and the output if it fails.
check() {
        local name=$1 out

        shift
        if out=$("$@" 2>&1); then
                printf 'ok - %s\n' "$name"
                passed=$((passed + 1))
        else
                printf 'not ok - %s\n%s\n' "$name" "$out" | tail -n 60
                failed=$((failed + 1))
        fi
}

# forget_results DIR, then count_results DIR: of "meson test --logbase suite" in between.
forget_results() {
        rm -f "$1"/meson-logs/suite*.junit.xml
}

count_results() {
        local p f

        # Under a wrapper meson puts its name into the file's.
        read -r p f < <("$top/tools/count-results" "$1"/meson-logs/suite*.junit.xml)
        passed=$((passed + p))
        failed=$((failed + f))
}

# suite DIR [MESON TEST OPTION]...: the tests of this build.
suite() {
        local dir=$1

        shift
        forget_results "$dir"
        meson test -C "$dir" --no-rebuild --print-errorlogs --logbase suite "$@" || true
        count_results "$dir"
}

# counted LOG FAILURE COMMAND...: each line of its output that begins with "ok " is a test that passed,
# each that begins with FAILURE one that failed.
counted() {
        local log=$top/build-results/$1 failure=$2 status=0

        shift 2
        mkdir -p "$top/build-results"
        "$@" | tee "$log" || status=$?
        passed=$((passed + $(grep -c '^ok ' "$log" || true)))
        failed=$((failed + $(grep -c "^$failure " "$log" || true)))
        # Silence is not success, nor is an end that no line explains.
        if ! grep -q '^ok ' "$log" || { [ "$status" != 0 ] && ! grep -q "^$failure " "$log"; }; then
                failed=$((failed + 1))
        fi
}
