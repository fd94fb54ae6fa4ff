#!/bin/sh
# Prints without end.
exec yes 'flood flood flood flood flood flood flood flood'
