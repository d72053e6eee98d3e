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
    say "starting alco; data in build/demo, this machine's logs in the index 'system'"
    exec build/alco serve --data build/demo "$@"
}
