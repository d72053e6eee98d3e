# What each purpose needs, as Debian packages, and how it gets there. Sourced by ./dev.
# shellcheck shell=sh

packages_of() {
    case $1 in
        build)
            echo gcc libc6-dev pkg-config meson ninja-build python3 ca-certificates tzdata
            echo libmicrohttpd-dev librabbitmq-dev libmariadb-dev libzstd-dev libpcre2-dev libsqlite3-dev
            echo libxxhash-dev libcurl4-openssl-dev zlib1g-dev libyaml-dev libsodium-dev libcmocka-dev
            has_node || echo nodejs npm ;;
        test) # a real broker and searchd, senders in Python, a browser for the page
            echo python3-pytest python3-requests python3-amqp python3-pymysql rabbitmq-server sphinxsearch chromium zstd procps curl
            echo sphinxsearch python3-pymysql ;;
        clang) echo clang llvm libclang-rt-dev ;;
        lint) echo clang-format clang-tidy cppcheck shellcheck ;;
        *) die "packages_of: $1?" ;;
    esac
}

# The page is built with npm. Whoever has a Node of their own keeps it; Debian's npm is some 370
# small packages (20 s).
has_node() {
    command -v npm >/dev/null &&
        [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 18' 2>/dev/null)" = true ]
}

# need PURPOSE...: returns when everything is installed. Takes milliseconds when it is already.
need() {
    [ -z "${DEV_NO_INSTALL:-}" ] || return 0
    wanted=$(for purpose; do packages_of "$purpose"; done)
    { command -v dpkg-query && command -v apt-get; } >/dev/null || not_debian
    missing=$(missing_of "$wanted")
    [ -n "$missing" ] || return 0
    say "installing for '$*': $missing"
    install_packages "$missing"
    missing=$(missing_of "$wanted")
    [ -z "$missing" ] || die "still not installed: $missing"
}

# Those of the list that dpkg does not call installed, on one line.
missing_of() {
    # shellcheck disable=SC2086 # a list of words
    dpkg-query -W -f '${Package} ${db:Status-Status}\n' $1 2>/dev/null |
        awk -v wanted="$1" '
            $2 == "installed" { have[$1] = 1 }
            END {
                n = split(wanted, names)
                for (i = 1; i <= n; i++)
                    if (!(names[i] in have)) line = line (line ? " " : "") names[i]
                print line
            }'
}

not_debian() {
    say "this is not a Debian; alco needs what these packages of Debian 12 hold:" >&2
    printf '%s\n' "$wanted" >&2
    die "install their like, then set DEV_NO_INSTALL=1"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "not root and no sudo; have somebody run: apt-get install --no-install-recommends $missing"
    fi
}

install_packages() {
    services_off "$1"
    rc=0
    apt_install "$1" || rc=$?
    services_back "$1"
    [ "$rc" = 0 ] || die "apt-get failed"
}

apt_install() {
    as_root apt-get update -q=2 || return 1
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q=2 --no-install-recommends \
        -o Dpkg::Use-Pty=0 $1 >"${TMPDIR:-/tmp}/alco-dev-apt.$$" 2>&1 || {
        tail -n 40 "${TMPDIR:-/tmp}/alco-dev-apt.$$" >&2
        return 1
    }
    rm -f "${TMPDIR:-/tmp}/alco-dev-apt.$$"
}

# Debian starts a broker as soon as it is installed; tests bring up their own, so the package must
# not. A policy-rc.d that is there already is left alone.
policy=/usr/sbin/policy-rc.d
services_off() {
    policy_is_ours=
    case " $1 " in *" rabbitmq-server "*) ;; *) return 0 ;; esac
    [ ! -e "$policy" ] || return 0
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
    policy_is_ours=yes
    trap 'as_root rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
}

services_back() {
    [ -n "$policy_is_ours" ] || return 0
    as_root rm -f "$policy"
    trap - EXIT INT TERM
    # Nor at the next boot.
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable -q rabbitmq-server || true
    fi
}
