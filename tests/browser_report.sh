# What a browser makes of the page of `colonnade report`: no error, no network, charts with something in them,
# nothing wider than a phone. Needs chromium, and says so where there is none; `make browser-test` runs it.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh
# shellcheck source=tests/sample_images.sh
. tests/sample_images.sh

browser=
for candidate in chromium chromium-browser google-chrome; do
  if command -v "$candidate" >/dev/null; then
    browser=$candidate
    break
  fi
done
if [ -z "$browser" ]; then
  echo "no chromium: the page is not opened"
  finish
fi

# opens PAGE WIDTH [OPTION...]: what tests/browser_report.js says of the page in a frame of this width.
opens() {
  local page=$1 width=$2
  shift 2
  # A frame may be narrower than the browser's smallest window.
  awk -v script=tests/browser_report.js '{ print }
    /<head>/ { print "<script>"; while ((getline line <script) > 0) print line; print "</script>" }' \
    "$page" >"$scratch/framed.html"
  cat >"$scratch/frame.html" <<END
<!doctype html><meta charset="utf-8"><pre id="said"></pre>
<iframe src="framed.html" width="$width" height="900"></iframe>
<script>addEventListener("message", event => document.getElementById("said").textContent = event.data)</script>
END
  # A profile of its own, for root and in a container; no time passes while nothing happens.
  timeout -k 2 60 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --user-data-dir="$scratch/profile" --virtual-time-budget=10000 --dump-dom "$@" \
    "file://$scratch/frame.html" 2>/dev/null | sed -n '/<pre/,/<\/pre>/p' |
    sed 's/<[^>]*>//g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' >"$scratch/said"
}

# says NAME LINE, never NAME PATTERN: of what the page said last.
says() { passes "$1" grep -Fqx -e "$2" "$scratch/said"; }
never() { passes "$1" test -z "$(grep -E -e "$2" "$scratch/said")"; }

# --- Pages of one run, of several, and of a log of before the ranks said anything ----------------------

sample_images "$scratch/data"
job=(train mlp --data "$scratch/data" "--widths=16,33,24,9" --batch 13 --progress plain --threads 1)
# A name that would be markup; the page must show it as it is.
odd='<b data-injected>&amp;<script>'
passes "a run" "$COLONNADE" "${job[@]}" --epochs 3 --log "$scratch/$odd.log"
passes "another, on two ranks" "$COLONNADE" "${job[@]}" --epochs 2 --ranks 2 --loss cross-entropy \
  --log "$scratch/two.log"
grep -Ev '^\{"(run|ranks)"' "$scratch/two.log" >"$scratch/old.log"
passes "a page" "$COLONNADE" report "$scratch/$odd.log" "$scratch/two.log" "$scratch/old.log" \
  -o "$scratch/page.html"
passes "a page of an old log" "$COLONNADE" report "$scratch/old.log" -o "$scratch/old.html"

# holds NAME: what is true of every page, in any colours and at any width.
holds() {
  never "$1: no error" '^(error|warn|rejection|refused)'
  says "$1: every chart has lines" "drawn 6"
  says "$1: until its runs are hidden" "drawn when hidden 0"
  says "$1: nothing from elsewhere" "loaded 0"
  says "$1: not wider than the window" "wider false"
  says "$1: as their switches say" "pressed 0"
  says "$1: no markup of a name" "injected 0"
}
for width in 1280 360; do
  for scheme in 0 1; do  # dark, light
    opens "$scratch/page.html" "$width" "--blink-settings=preferredColorScheme=$scheme"
    holds "three runs, width $width, scheme $scheme"
    # Two bars of time, one of memory for each run: ranks that are threads share theirs.
    says "bars" "bars 4"
    says "a name as text" "text $odd.log"
  done
done
opens "$scratch/old.html" 360
holds "an old log"
says "no bars" "bars 0"

finish
