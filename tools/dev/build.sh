# Building: one folder a variant under build/. Sourced by ./dev.
# shellcheck shell=sh

# build_variant NAME [MESON OPTION...]: configures when there is no build or its options were others,
# then builds; meson has the page built and put inside (tools/embed.py).
build_variant() {
    variant=$1
    shift
    if [ "$(cat "build/$variant/dev-options" 2>/dev/null)" != "${CC:-cc} $*" ]; then
        say "configuring build/$variant"
        rm -rf "build/$variant"
        log=$(log_file "setup-$variant")
        meson setup "build/$variant" "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "meson setup failed"; }
        echo "${CC:-cc} $*" >"build/$variant/dev-options"
    fi
    say "building build/$variant"
    ninja -C "build/$variant" --quiet
}

# Where the output of a step goes; makes the folder.
log_file() {
    mkdir -p build/log
    printf '%s' "build/log/$1"
}

build_release() {
    build_variant release
    ln -sfn release/src/cli/alco build/alco
}

# Sanitizers want clang, and that symbols may be left to the run-time library.
build_checked() {
    case $1 in
        asan) set -- asan -Db_sanitize=address,undefined ;;
        tsan) set -- tsan -Db_sanitize=thread ;;
        fuzz) set -- fuzz -Db_sanitize=address,undefined -Dfuzz=true -Dc_args=-fsanitize=fuzzer-no-link ;;
    esac
    CC=clang build_variant "$@" -Db_lundef=false --buildtype=debugoptimized
}
