# What a reader should not have to check by hand. Sourced by ./dev.
# shellcheck shell=sh

c_files() {
    find src tests -name '*.[ch]' | sort
}

fmt_all() {
    c_files | xargs clang-format -i
}

lint_all() {
    bad=
    lint_step "format" lint_format
    lint_step "tree" python3 tools/dev/tree.py
    lint_step "named tests" python3 tools/dev/named_tests.py
    lint_step "shell scripts" lint_shell
    lint_step "clang-tidy" lint_tidy
    lint_step "cppcheck" lint_cppcheck
    [ -z "$bad" ] || die "lint:$bad"
    say "lint: clean"
}

# Goes on after a failure, so that one run shows everything (and so without `set -e` inside).
lint_step() {
    step=$1
    shift
    say "lint: $step"
    ("$@") || bad="$bad $step;"
}

lint_format() {
    c_files | xargs clang-format --dry-run -Werror
}

lint_shell() {
    shellcheck -x dev .ci/run tools/dev/*.sh
}

# clang-tidy reads the clang build's commands: gcc's have options it does not know. Only C files
# that are built are in them.
lint_tidy() {
    build_checked asan || return 1
    python3 -c '
import json
for command in json.load(open("build/asan/compile_commands.json")):
    if command["file"].endswith(".c"):
        print(command["file"])' |
        (cd build/asan && sort -u | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p . 2>&1) |
        { ! grep -Ev '^$|^[0-9]+ warnings? generated|^Suppressed |^Use -header-filter'; }
}

lint_cppcheck() {
    cppcheck --quiet --enable=warning,portability --inline-suppr --error-exitcode=1 --std=c11 \
        -D_GNU_SOURCE -I src -j "$(nproc)" --suppress=unknownMacro --suppress=internalAstError src
}
