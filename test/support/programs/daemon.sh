#!/bin/sh
# Ends at once and leaves a child behind that holds none of its pipes. $1: a file that gets the child's id.
setsid sh -c 'echo $$ >"$1"; exec sleep 1000' daemon-child "$1" </dev/null >/dev/null 2>&1 &
while [ ! -s "$1" ]; do sleep 0.02; done
