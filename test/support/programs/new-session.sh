#!/bin/sh
# Its child leaves the session and the group, ignores SIGTERM and holds the output. $1: a file that gets the child's id.
setsid sh -c 'trap "" TERM; echo $$ >"$1"; while :; do sleep 1; done' new-session-child "${1:-/dev/null}" &
while [ ! -s "${1:-/dev/null}" ]; do sleep 0.02; done
echo started
exec sleep 1000
