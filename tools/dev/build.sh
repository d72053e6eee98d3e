# Building: one folder a variant under build/. Sourced by ./dev.
# shellcheck shell=sh
: "${root:?comes from ./dev}"

# The page first: the program carries it inside.
build_page() {
    [ -f web/package.json ] || return 0
    # npm ci leaves this file; a newer lock file means that packages changed.
    stamp=web/node_modules/.package-lock.json
    if [ ! -f "$stamp" ] || [ -n "$(find web/package-lock.json -newer "$stamp")" ]; then
        say "fetching the page's packages"
        (cd web && npm ci --no-audit --no-fund --loglevel=error)
        touch "$stamp"
    fi
    say "building the page"
    (cd web && npm run --silent build)
}

# build_variant NAME [MESON OPTION...]: configures once, then builds.
build_variant() {
    variant=$1
    shift
    build_page
    if [ ! -f "build/$variant/build.ninja" ]; then
        rm -rf "build/$variant"
        page=
        [ ! -f web/package.json ] || page=-Dweb_dist=$root/web/dist
        meson setup "build/$variant" ${page:+"$page"} "$@" >"$(log_file setup-"$variant")" 2>&1 ||
            { tail -n 30 "build/log/setup-$variant" >&2; die "meson setup failed"; }
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
    [ ! -x build/release/src/cli/alco ] || ln -sfn release/src/cli/alco build/alco
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
