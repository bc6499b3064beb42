# What a browser makes of the page of `colonnade explain`; `make browser-test` runs it.
# shellcheck shell=bash
exec python3 tests/browser_test.py "${COLONNADE:-build/colonnade}" build/screens
