#!/bin/sh
# Runs until a signal ends it. $1: a file that gets the process id once it runs.
echo $$ >"${1:-/dev/null}"
echo started
exec sleep 1000
