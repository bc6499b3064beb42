#!/bin/bash
# Writes C++ that holds files as text, for app::page (src/app/pages.hpp), which finds them by their names.
#   tools/embed.sh FILE... >pages.cpp
set -euo pipefail

echo '// Written by tools/embed.sh.'
echo '#include "app/pages.hpp"'
echo 'namespace {'
number=0
for file in "$@"; do
  echo "const char file_${number}[] = {  // $file"
  od -An -v -to1 "$file" | sed 's/ \([0-7][0-7]*\)/'"'"'\\\1'"'"',/g'
  echo '};'
  number=$((number + 1))
done
echo 'const colonnade::app::Page all[] = {'
number=0
for file in "$@"; do
  echo "    {\"${file##*/}\", {file_$number, sizeof file_$number}},"
  number=$((number + 1))
done
echo '};'
echo '}  // namespace'
echo 'std::span<const colonnade::app::Page> colonnade::app::pages() {'
echo '  return all;'
echo '}'
