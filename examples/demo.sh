#!/bin/sh
# Smoke-tests the example site, served by the real wrangler: first whole, then without its worker.
# Exits 0 when the first run is green and the second red, as they should be.
set -u
cd "$1" || exit 1
broken=.without-worker

echo "== 1. The site as it was built =="
echo '$ pytest --pagesmoke=dist --pagesmoke=local'
pytest -p no:cacheprovider --pagesmoke=dist --pagesmoke=local
good=$?

echo
echo "== 2. The incident: a copy whose _worker.js is missing =="
rm -rf "$broken" && mkdir "$broken" && cp -R dist pytest.ini wrangler.jsonc "$broken" && rm "$broken/dist/_worker.js" || exit 1
cd "$broken" || exit 1
echo '$ rm dist/_worker.js'
echo '$ pytest --pagesmoke=dist --pagesmoke=local'
pytest -p no:cacheprovider --pagesmoke=dist --pagesmoke=local
bad=$?
cd .. && rm -rf "$broken"

echo
if [ "$good" -eq 0 ] && [ "$bad" -eq 1 ]; then
	echo "demo: green where the site is whole, red where its worker is missing."
else
	echo "demo: expected exit status 0 and 1, got $good and $bad." >&2
	exit 1
fi
