#!/bin/sh
# Prints on both outputs and ends with the exit code $1, or by the signal $2.
echo 'one line'
printf 'a line without its end'
echo 'what went wrong' >&2
[ -z "$2" ] || kill -"$2" $$
exit "${1:-3}"
