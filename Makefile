# Each target first makes its own environment, from nothing but Python and make.
PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
# A stamp: the environment is made again only when what it is made from has changed.
INSTALLED := $(VENV)/.installed
DEMO_CONFIG := configs/hrnet/fcn_aux-hr18s-v1_128x128_demo.py
DEMO_DIR := work_dirs/demo
PEERS := $(VENV)/peers
PACKAGES := 'import sysconfig; print(sysconfig.get_path("purelib"))'
# Of benchmarks/bench.py: parts and options.
BENCH ?=

# How the tests run: on every core, with one thread each, a file of tests in one process.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile
COVERAGE := --cov=mmseg_aux_hrnet --cov-report=term:skip-covered

# What networks of the zoo are trained on: a folder with green/ and naip4/, see benchmarks/zoo_data.py.
DATA ?= ../shared/data
ZOO_DIR := work_dirs/zoo

.PHONY: help install demo zoo test test-all fuzz bench bench-maps lint clean

help:
	@echo 'make demo     draw the demo data, train a small aux-HRNet on it, test it; map a raster by the zoo (a few minutes)'
	@echo 'make test     run the tests but for the slow ones, and print their coverage (about 7 minutes)'
	@echo 'make test-all run all tests (about 15 minutes)'
	@echo 'make fuzz     run the tests whose inputs are drawn with ten times as many, other ones each time (minutes)'
	@echo 'make zoo      train the network that comes with the package again, from DATA=FOLDER, and write its card (an hour)'
	@echo 'make bench    time what has to be fast, see benchmarks/README.md (half an hour; BENCH="metric --rounds 3" for less)'
	@echo 'make bench-maps   the same for maps of rasters (a few minutes)'
	@echo 'make lint     ruff and mypy'
	@echo 'make clean    remove builds and caches; data, work_dirs and $(VENV) stay'

install: $(INSTALLED)

$(INSTALLED): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo 'installing into $(VENV), about a minute'
	$(BIN)/python -m pip install --quiet --editable '.[onedl,fast,export,geo,labels,buildings,parquet,ray,tensorboard,test,lint]' --constraint constraints.txt
	@touch $@

demo: $(INSTALLED)
	@echo 'the demo draws 76 scenes, trains a network for 400 iterations and tests it'
	@echo 'on 2 CPU cores: 2 minutes where they are quiet, 5 where others work on them; here' "$$(nproc 2>/dev/null || echo ?)" 'cores'
	$(BIN)/python tools/make_demo_data.py
	$(BIN)/python tools/train.py $(DEMO_CONFIG) --work-dir $(DEMO_DIR)
	$(BIN)/python tools/test.py $(DEMO_CONFIG) $(DEMO_DIR) --work-dir $(DEMO_DIR)/test \
		--show-dir $(DEMO_DIR)/pictures --report $(DEMO_DIR)/report --overwrite
	@echo 'a real raster, by the network that comes with the package'
	$(BIN)/python tools/predict_raster.py green docs/santa_monica.tif --out $(DEMO_DIR)/map --overwrite
	$(BIN)/python tools/area.py $(DEMO_DIR)/map/santa_monica_classes.tif --image docs/santa_monica.tif \
		--quicklook $(DEMO_DIR)/map/santa_monica.png --overwrite

data/zoo: $(INSTALLED)
	rm -rf $@.part
	$(BIN)/python benchmarks/zoo_data.py $(DATA) $@.part
	mv $@.part $@

# A training that was cut off goes on.
zoo: $(INSTALLED) | data/zoo
	$(BIN)/python tools/train.py configs/zoo/fcn_hr18s-v1_256x256_5000it_green.py --work-dir $(ZOO_DIR) --seed 0 --speed max --resume
	$(BIN)/python benchmarks/zoo_card.py green $(ZOO_DIR)/iter_5000.pth data/zoo

test: $(INSTALLED)
	$(PYTEST) -m 'not slow' --hypothesis-profile=few $(COVERAGE) --cov-fail-under=90

test-all: $(INSTALLED)
	$(PYTEST) $(COVERAGE) --cov-fail-under=98

fuzz: $(INSTALLED)
	$(PYTEST) -m hypothesis --hypothesis-profile=random

# In a folder of their own: mmseg imports timm wherever it finds it, which takes time, and fails where its torchvision
# was built for another torch.
$(PEERS)/.installed: $(INSTALLED)
	$(BIN)/python -m venv --clear $(PEERS)
	$(BIN)/python -c $(PACKAGES) > "$$($(PEERS)/bin/python -c $(PACKAGES))/environment.pth"
	@echo 'installing what benchmarks compare with into $(PEERS)'
	$(PEERS)/bin/python -m pip install --quiet 'mmseg-aux-hrnet[bench]' --constraint constraints.txt
	@touch $@

bench: $(PEERS)/.installed
	$(BIN)/python benchmarks/bench.py --peers "$$($(PEERS)/bin/python -c $(PACKAGES))" $(BENCH)

bench-maps: $(INSTALLED)
	$(BIN)/python benchmarks/raster_bookkeeping.py
	$(BIN)/python benchmarks/raster_overlap.py
	$(BIN)/python benchmarks/raster_memory.py --width 5000 --heights 1000 10000

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf build dist *.egg-info .coverage htmlcov .mypy_cache .pytest_cache .ruff_cache
