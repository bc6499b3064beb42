#!/bin/bash
# Prints those of some sources in which no number type occurs: neither they nor what they include
# knows Scalar, so that one object serves float and double.
#   tools/untyped.sh SOURCE...
# Headers are told apart by what stands in an #include. Of two that share it one with a type is enough;
# one that is found nowhere has a type. Whatever is wrongly printed doesn't link.
set -euo pipefail

awk '
  FNR == 1 {
    name = FILENAME
    sub(/^(include|src|tests)\//, "", name)
    if (FILENAME in is_source) name = FILENAME
    names[name]
  }
  /COLONNADE_(DOUBLE|PRECISION)/ { typed[name] }
  /^#include "/ { split($0, quoted, "\""); included[name] = included[name] " " quoted[2] }
  BEGIN { for (i = 1; i < ARGC; ++i) if (ARGV[i] ~ /\.(cpp|cu)$/) is_source[ARGV[i]] }
  END {
    do {
      found = 0
      for (name in included) {
        if (name in typed) continue
        count = split(included[name], headers, " ")
        for (i = 1; i <= count; ++i) if (headers[i] in typed || !(headers[i] in names)) {
          typed[name]
          found = 1
          break
        }
      }
    } while (found)
    for (name in is_source) if (!(name in typed)) print name
  }
' "$@" include/*/*.hpp src/*.hpp src/*/*.hpp tests/*.hpp | sort
