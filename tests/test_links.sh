# The check of a site's links, tools/check_links.py, on a small site: it is green when all is there, and
# each thing that can be missing turns it red.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

if ! command -v python3 >/dev/null; then
  echo "no Python: the check of links is not tested"
  finish
fi

site=$scratch/site
check=(python3 tools/check_links.py "$site")

fresh_site() {
  rm -rf "$site"
  mkdir -p "$site/sub" "$site/styles"
  cat >"$site/index.html" <<'END'
<link rel="stylesheet" href="styles/site.css"><script src="site.js"></script>
<a href="sub/page.html#place">a place</a> <a href="#top">here</a> <a href="https://example.org">outwards</a>
<p id="top"><img src="data:image/png;base64,AA=="></p>
END
  echo '<a href="../index.html">back</a> <h2 id="place">A place</h2> <img src="drawing.svg">' >"$site/sub/page.html"
  echo 'body { background: url("../sub/drawing.svg") }' >"$site/styles/site.css"
  echo '<svg/>' >"$site/sub/drawing.svg"
  echo '// nothing' >"$site/site.js"
}

#   broken NAME PATTERN: the check fails and says so
broken() {
  run_limited 60 "${check[@]}"
  if [ "$status" = 1 ] && grep -Eq -e "$2" "$scratch/.out"; then test_passed; else test_failed "$1" "status $status"; fi
}

fresh_site
prints "a site that is whole" "^6 links in 2 pages, 0 broken$" "${check[@]}"

rm "$site/sub/page.html"
broken "a page that is missing" "^index.html:2: sub/page.html#place leads to no file$"

fresh_site
sed -i 's/id="place"/id="elsewhere"/' "$site/sub/page.html"
broken "a place that is missing in a page" "^index.html:2: sub/page.html#place leads to no place in that page$"

fresh_site
rm "$site/sub/drawing.svg"
broken "a drawing that is missing" "^sub/page.html:1: drawing.svg leads to no file$"
broken "what a style takes from there" "^styles/site.css: ../sub/drawing.svg leads to no file$"

fresh_site
echo '<script src="https://example.org/x.js"></script>' >>"$site/index.html"
broken "a script from the network" "^index.html:4: loads https://example.org/x.js from the network$"

fresh_site
echo '<link rel="stylesheet" href="//example.org/x.css">' >>"$site/index.html"
broken "a style from the network" "loads //example.org/x.css from the network$"

fresh_site
echo '@import url(https://example.org/font.css);' >>"$site/styles/site.css"
broken "a font from the network" "^styles/site.css: loads https://example.org/font.css from the network$"

fresh_site
echo '<a href="../../outside">out</a>' >>"$site/sub/page.html"
echo "outside" >"$scratch/outside"
broken "a file outside of the site" "^sub/page.html:2: ../../outside leads out of the folder$"

rm -r "$site"
mkdir "$site"
broken "a site without a page" "^0 links in 0 pages"

finish
