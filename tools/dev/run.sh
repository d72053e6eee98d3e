# ./dev run: alco with something real to read. Sourced by ./dev.
# shellcheck shell=sh

# The machine's own logs, as globs; alco says which it may not read.
own_logs() {
    echo '/var/log/dpkg.log' '/var/log/apt/*.log' '/var/log/alternatives.log' '/var/log/bootstrap.log' \
        '/var/log/syslog' '/var/log/messages' '/var/log/kern.log' '/var/log/auth.log' \
        '/var/log/daemon.log' '/var/log/cron.log' '/var/log/user.log'
}

# Ctrl+C reaches alco itself, which makes everything durable and ends.
run_demo() {
    set -f # the globs are alco's to expand, now and when files appear
    for glob in $(own_logs); do
        set -- "$@" --follow "system=$glob"
    done
    set +f
    mkdir -p build/demo
    if has_journal; then
        set -- "$@" --follow "system=build/demo/journal.log"
        follow_journal &
    fi
    say "starting alco; data in build/demo, this machine's logs in the index 'system'"
    exec build/alco serve --data build/demo/data "$@"
}

has_journal() {
    command -v journalctl >/dev/null && [ -n "$(journalctl -q -n 1 2>/dev/null)" ]
}

# Writes the journal to a file that alco follows, as long as this process (which becomes alco) lives.
# journalctl remembers in the cursor file how far it was.
follow_journal() {
    cursor=build/demo/journal.cursor
    only=
    [ -e "$cursor" ] || only='-n 10000'
    while kill -0 $$ 2>/dev/null; do
        # shellcheck disable=SC2086 # no word or two
        journalctl -q $only -o short-iso-precise --cursor-file="$cursor" >>build/demo/journal.log
        only=
        sleep 1
    done
}
