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

# Of the machine with a GPU that benchmarks/gpu.sh is for, and packages that it lacks beside gpu_wheels.txt.
PYTHON_VERSION ?= 3.12
MORE ?=
PLATFORMS := $(foreach n,2_34 2_31 2_28 2_27 2_24 2_17,--platform manylinux_$(n)_x86_64) --platform manylinux2014_x86_64

.PHONY: help install demo zoo test test-all fuzz bench bench-maps gpu-wheels lint docs clean

help:
	@echo 'make demo     draw the demo data, train a small aux-HRNet on it, test it; map a raster by the zoo (a few minutes)'
	@echo 'make test     run the tests but for the slow ones, and print their coverage (about 10 minutes)'
	@echo 'make test-all run all tests (about 18 minutes)'
	@echo 'make fuzz     run the tests whose inputs are drawn with ten times as many, other ones each time (minutes)'
	@echo 'make zoo      train the network that comes with the package again, from DATA=FOLDER, and write its card (an hour)'
	@echo 'make bench    time what has to be fast, see benchmarks/README.md (half an hour; BENCH="metric --rounds 3" for less)'
	@echo 'make bench-maps   the same for maps of rasters (a few minutes)'
	@echo 'make gpu-wheels   download what benchmarks/gpu.sh takes to a machine with a GPU, for its PYTHON_VERSION=3.12'
	@echo 'make lint     ruff and mypy'
	@echo 'make docs     build the site into site/, strictly (a minute)'
	@echo 'make clean    remove builds and caches; data, work_dirs and $(VENV) stay'

install: $(INSTALLED)

$(INSTALLED): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo 'installing into $(VENV), about a minute'
	$(BIN)/python -m pip install --quiet --editable '.[onedl,fast,export,geo,labels,buildings,parquet,ray,tensorboard,stac,mlflow,wandb,test,lint,docs]' --constraint constraints.txt
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

# The two that have no wheels on the index are built: pure Python, without the operators of mmcv.
gpu-wheels: $(INSTALLED)
	rm -rf wheels
	grep -vE '^#|onedl-mm(cv|seg)' benchmarks/gpu_wheels.txt | $(BIN)/python -m pip download --quiet --no-deps --dest wheels \
		--only-binary :all: --implementation cp --python-version $(PYTHON_VERSION) $(PLATFORMS) \
		--constraint constraints.txt --requirement /dev/stdin $(MORE)
	MMCV_WITH_OPS=0 $(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir wheels --constraint constraints.txt \
		onedl-mmcv onedl-mmsegmentation
	du -sh wheels

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The notice of the theme is of no use in a log: that it ends in 2027, and which program succeeds it.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo 'site/index.html opens in a browser; the search needs a server: $(BIN)/python -m http.server --directory site'

clean:
	rm -rf build dist site *.egg-info .coverage htmlcov .mypy_cache .pytest_cache .ruff_cache
