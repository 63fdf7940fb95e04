# Two commands do everything: `make demo` and `make test`. Both set up .venv first; nothing else is needed but Python 3.11+.
.PHONY: demo dev test lint types imports pytest sunset stop revision lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

demo: $(READY)
	@$(BIN)/growthos demo

dev: $(READY)
	@$(BIN)/growthos dev

# the types are checked while the tests run: alone they would keep one processor busy, and the others idle
test: lint imports
	@$(MAKE) --no-print-directory --jobs=2 types pytest
	@$(MAKE) --no-print-directory sunset

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/pyright

imports: $(READY)
	$(BIN)/lint-imports

# what pytest makes of the tests' modules is kept, wherever Python is told to keep nothing: half of a worker's start
pytest: $(READY)
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

# says which API versions end within sixty days of today; a warning, since what was fine yesterday still passes
sunset: $(READY)
	@$(BIN)/python -m connectors.sunset

stop: $(READY)
	@$(BIN)/growthos stop

# a new migration that leads from the database's tables to the declared ones: make revision m="what changes"
revision: $(READY)
	$(BIN)/python -m growthos_assets.schema "$(m)"

lock: $(READY)
	$(BIN)/uv pip compile pyproject.toml --extra dev --python-version 3.11 --universal --upgrade \
		--generate-hashes --no-emit-index-url --quiet --output-file requirements.lock

# bytecode is compiled here once, so that no first start has to wait for it
$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "Setting up $(VENV)"
	@$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --editable .
	@$(BIN)/python -m compileall -q growthos_assets connectors kpis warehouse
	@touch $(READY)

clean:
	rm -rf $(VENV) .growthos
