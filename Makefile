# The commands of the README. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test bench lint docs notebooks dependencies

# Another index to find PyTorch in: the default one has its CUDA build on Linux, which is large.
TORCH_INDEX ?=

SOURCES := Sources Tests Benchmarks Package.swift

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: dependencies ## install what is missing, build, and attribute ten digits: see demo-report/
	swift build -c release --product palimpsest
	rm -rf demo-report
	.build/release/palimpsest demo --out demo-report

test: dependencies ## install what is missing and run every test
	swift test --disable-xctest -Xcc -O2

bench: dependencies ## run the benchmarks
	swift package --package-path Benchmarks --disable-sandbox benchmark

lint: ## check the format of the sources
	swift format lint --strict --parallel --recursive $(SOURCES)

notebooks: ## build the command, test the Python package, and execute the notebooks
	@.ci/install-dependencies python
	swift build -c release --product palimpsest
	python3 -m venv .build/notebooks/venv
	.build/notebooks/venv/bin/pip install --quiet $(TORCH_INDEX:%=--extra-index-url %) \
	  -r Notebooks/requirements-torch.txt
	.build/notebooks/venv/bin/pip install --quiet -r Notebooks/requirements.txt './Notebooks[torch,test]'
	.build/notebooks/venv/bin/python -m pytest -q Notebooks
	.build/notebooks/venv/bin/python Notebooks/execute.py

docs: dependencies ## build the documentation into .build/docs
	.ci/build-documentation

dependencies:
	@.ci/install-dependencies
