# Every target makes the environment it needs, in .venv, from the locked versions. Start with `make run`.

.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euc
.DELETE_ON_ERROR:
.PHONY: help venv run demo test lint fuzz fuzz-console torture corpus bench docs bundles lock image image-compare update clean always \
	image-test image-test-secure deb deb-compare oci package-test

PYTHON ?= python3
DATA   ?= data
MINUTES ?= 30
CUTS   ?= 200
RELEASE ?= bookworm
FLAVOUR ?= cloud
VENDOR ?= appliance/console/static/vendor
BIN    := .venv/bin

# A virtual environment holds its own address, so a copied or moved checkout needs a new one.
MOVED := $(shell [ ! -e .venv/.where ] || [ "$$(cat .venv/.where)" = "$(CURDIR)" ] || echo always)

help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do
	  printf '  make %-12s %s\n' "$$name" "$$what"
	done

run: .venv/.runtime ## run the appliance; images go to DATA=data, more options in ARGS="--rules my.rules"
	@exec $(BIN)/stellwerk run --data "$(DATA)" $(ARGS)

demo: .venv/.runtime ## show the whole line at work on real images, on this machine only
	@exec $(BIN)/stellwerk demo $(ARGS)

test: .venv/.dev ## layout, lint, types and tests: everything that must hold
	@exec $(BIN)/python -m tests $(ARGS)

lint: .venv/.dev ## layout, lint and types only
	@exec $(BIN)/python -m tests --lint

fuzz: .venv/.dev ## any text at all against the language, any PDUs at all against the listener, for MINUTES=30
	@exec $(BIN)/python -m tests.fuzz $(MINUTES)

fuzz-console: .venv/.dev ## any request, form and upload at all against a console beside a running appliance, for MINUTES=30
	@exec $(BIN)/python -m tests.fuzz --console $(MINUTES)

torture: .venv/.dev ## kill it a hundred times, cut its power two hundred times, break its disk everywhere; minutes
	@$(BIN)/stellwerk torture --seconds 240 --objects 2000
	TORTURE_STRIDE=1 $(BIN)/python -m pytest tests/power tests/engine/spool/test_model.py tests/appliance/backup/test_crash.py -q
	TORTURE_STRIDE=1 $(BIN)/python -m pytest tests -m slow -q
	exec $(BIN)/python -m tests.power $(CUTS)

image-test: .venv/.dev ## build the appliance image, start it in QEMU, work with it, cut its power 20 times, update it; 20 minutes
	@! $(BIN)/python -m tests.image --can || ls dist/image/stellwerk_*.raw >/dev/null 2>&1 || $(MAKE) image
	exec $(BIN)/python -m tests.image --update $(ARGS)

image-test-secure: .venv/.dev ## tamper with the image's root and kernel; Secure Boot and a TPM; five minutes
	@! $(BIN)/python -m tests.image --can || ls dist/image/stellwerk_*.raw >/dev/null 2>&1 || $(MAKE) image
	exec $(BIN)/python -m tests.image.secure $(ARGS)

corpus: .venv/.dev ## blank every synthetic screen in every encoding, and try to read what was there; half an hour
	@CORPUS=1 exec $(BIN)/python -m pytest tests/corpus -q --numprocesses 2 --dist worksteal --timeout 3600

bench: .venv/.dev ## measure
	@exec $(BIN)/python -m tests.benchmarks $(ARGS)

docs: .venv/.dev ## write the pages that are made from the code: docs/steps, docs/findings, docs/conformance.md
	@$(BIN)/python -m tests.manual

bundles: ## build what others wrote for the console's pages, from pinned npm packages (needs node 18, npm, the network)
	@work="$$(mktemp -d)"
	trap 'rm -rf "$$work"' EXIT
	cp appliance/console/bundles/* appliance/console/bundles/.npmrc "$$work"
	(cd "$$work" && npm ci --silent)
	mkdir -p "$(VENDOR)"
	node "$$work/build.mjs" "$(VENDOR)"

image: ## build the appliance's bootable image into dist/image (root, Debian 12 or newer); VERSION=0.1.1, FLAVOUR=metal, SB_KEYS=/folder, SEALED=1
	@exec $(PYTHON) -m appliance.image.building.image "$(FLAVOUR)"

deb: ## build the Debian package of RELEASE=bookworm (or trixie) into dist/ (root, Debian 12 or newer); VERSION=0.1.1, ARGS=--lintian
	@exec $(PYTHON) -m appliance.image.building.deb --release "$(RELEASE)" $(ARGS)

deb-compare: ## build the package twice, and compare every byte
	@exec $(PYTHON) -m appliance.image.building.deb --release "$(RELEASE)" --compare

oci: ## build the OCI image into dist/, without a container engine; VERSION=0.1.1
	@exec $(PYTHON) -m appliance.image.building.oci

package-test: .venv/.dev ## packages and OCI image on clean systems: install, work, upgrade while sending, remove; minutes
	@exec $(BIN)/python -m tests.image.packages $(ARGS)

image-compare: ## build the image twice, apart from each other, and say in what the two differ
	@exec $(PYTHON) -m appliance.image.building.compare "$(FLAVOUR)"

venv: .venv/.dev ## only make the environment
	@echo "The environment is in .venv"

lock: ## choose the versions (needs uv); UPGRADE=--upgrade takes the newest
	@compile() {
	  $(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' |
	  uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	    --custom-compile-command "make lock" $(UPGRADE) "$$@" pyproject.toml -
	}
	compile --output-file appliance/requirements.lock
	compile --output-file tests/requirements.lock --extra dev --extra editor --extra git --extra proof --extra s3 --extra sftp --extra text --constraints appliance/requirements.lock
	compile --output-file appliance/image/requirements.lock --extra git --extra s3 --extra sftp --constraints tests/requirements.lock
	grep -c == appliance/requirements.lock tests/requirements.lock appliance/image/requirements.lock

update: ## a signed update out of the image made last: VERSION=0.1.1, MINIMUM=, NOTES_DE=FILE, NOTES_EN=FILE, KEY=update.key
	@key="$(KEY)"
	[ -n "$$key" ] || key="$$($(PYTHON) -m appliance.image.building.keys)/update.key"
	export SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct)"
	exec $(PYTHON) appliance/image/building/bundle.py --version "$(VERSION)" --key "$$key" \
	  $(if $(filter metal,$(FLAVOUR)),--product stellwerk-metal) $(if $(MINIMUM),--minimum "$(MINIMUM)") $(if $(NOTES_DE),--notes-de "$(NOTES_DE)") $(if $(NOTES_EN),--notes-en "$(NOTES_EN)")

clean: ## remove the environment and what tools left behind; data/ stays
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find engine dsl appliance tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.runtime: appliance/requirements.lock pyproject.toml $(MOVED)
	@$(environment)
	echo "$(CURDIR)" >.venv/.where
	touch $@

.venv/.dev: tests/requirements.lock pyproject.toml $(MOVED)
	@$(environment)
	echo "$(CURDIR)" >.venv/.where
	touch .venv/.runtime $@

# Two ways to the same packages: uv where it is there, otherwise Python's own venv and pip.
define environment
[ -z "$(MOVED)" ] || rm -rf .venv
echo "Getting the packages named in $< (once)"
if uv --version >/dev/null 2>&1; then
  $(BIN)/python -c '' 2>/dev/null || uv venv --quiet --clear .venv
  uv pip install --quiet --python $(BIN)/python --require-hashes --only-binary :all: -r $<
  uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation --editable .
else
  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(install_python); }
  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "Python 3.11 or newer is needed, and $(PYTHON) is older. Name another one: make PYTHON=python3.12"; exit 1; }
  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
  pip="$(BIN)/python -m pip --quiet --disable-pip-version-check install"
  $$pip --require-hashes --only-binary :all: -r $<
  $$pip --no-index --no-deps --no-build-isolation --editable .
fi
endef

# Debian keeps `python3 -m venv` in a package of its own.
define install_python
packages="python3 python3-venv"
if ! command -v apt-get >/dev/null; then
  echo "Python 3.11 or newer with its venv module is needed. Please install it, then try again."; exit 1
elif [ "$$(id -u)" = 0 ]; then
  root="env"
elif sudo -n true 2>/dev/null; then
  root="sudo -n env"
else
  echo "Python's venv module is missing. Please type:  sudo apt-get install $$packages"; exit 1
fi
echo "Installing $$packages from Debian"
$$root apt-get -qq update
$$root DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$packages >/dev/null
endef
