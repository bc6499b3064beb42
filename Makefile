# Colonnade's build: what is built, from what, and how. `make help` lists targets and options.
#
# Each source is compiled once for every number type: what belongs to a backend into
# build/VARIANT/float and build/VARIANT/double, where a variant is what else tells two builds apart;
# all else into build/common, for the variants of all backends. Sources are found by their place, so
# that a new file needs no line here.

BACKEND = cpu
GPU =
CUDA_HOME = /usr/local/cuda
CUDA_ARCH =
SCALAR = float
BLAS = auto
SANITIZE =
ARCH = native
WERROR =
V =
PREFIX = /usr/local
DESTDIR =
# One GPU is more often at hand than several.
RANKS = $(if $(filter cuda,$(BACKEND)),1,2)
# A pretended GPU takes forever for true sizes.
BENCH_FLAGS = $(if $(filter pretended,$(GPU)),--try)
EPOCHS = 5
TRAIN_FLAGS =
MINUTES = 1
KILLS = 30
PLOT_SECONDS = 2
MPIEXEC = mpiexec
ifeq ($(origin CXX),default)
CXX = g++
endif
# Sanitizers are slow and look at each process alone: fewer show as much, and one does where what is
# looked for lies between threads.
TEST_RANKS = $(if $(SANITIZE),$(if $(filter thread,$(SANITIZE)),1,1 2),1 2 3 4)
TEST_SCALARS = float double
TEST_SCRIPTS = tests/test_*.sh

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all deps deps-peers deps-cluster deps-docs deps-browser data train demo test chaos cluster-test browser-test fuzz fuzz-keep bench bench-peers sanitize-gpu plots walkthrough docs-check docs-update docs format lint help install clean FORCE
.DEFAULT_GOAL := all
# All cores, unless the command line has a -j of its own, which wins, or another make shares them out.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

comma := ,
goals := $(or $(MAKECMDGOALS),all)
scalars := float double

ifeq ($(filter cpu cuda,$(BACKEND)),)
$(error BACKEND=$(BACKEND) is unknown; wanted cpu or cuda)
endif
ifeq ($(filter real pretended,$(or $(GPU),real)),)
$(error GPU=$(GPU) is unknown; wanted nothing or pretended)
endif
ifeq ($(filter $(SCALAR),$(scalars)),)
$(error SCALAR=$(SCALAR) is unknown; wanted float or double)
endif
ifeq ($(filter $(BLAS),auto openblas blis eigen),)
$(error BLAS=$(BLAS) is unknown; wanted auto, openblas, blis or eigen)
endif
fuzzing := fuzzer$(comma)address$(comma)undefined
ifeq ($(filter none address undefined thread address$(comma)undefined $(fuzzing),$(or $(SANITIZE),none)),)
$(error SANITIZE=$(SANITIZE) is unknown; wanted address, undefined, address$(comma)undefined or thread)
endif

# What is installed on this machine, found anew by every make that compiles (it takes a few
# milliseconds) and written when it changed. Being an included file it is made first of all, and
# make reads everything again after it: `make deps train` needs no second run.
ifneq ($(filter-out help clean deps deps-peers deps-cluster deps-docs deps-browser docs data fuzz fuzz-keep format format-check,$(goals)),)
config := build/config/$(BLAS)-$(notdir $(firstword $(CXX))).mk
$(config): FORCE
	@tools/probe.sh $@ "$(CXX)" $(BLAS) $(if $(filter deps test run-fuzzers,$(goals)),install,report)
include $(config)
ifeq ($(BACKEND),cuda)
cuda_config := build/config/cuda-$(or $(GPU),real).mk
$(cuda_config): FORCE
	@tools/probe_cuda.sh $@ "$(CUDA_HOME)" "$(CUDA_ARCH)" "$(GPU)"
include $(cuda_config)
endif
include tools/compile.mk
include tools/walkthrough.mk
endif

all: ## build the program; what make does without a target

deps: ## install what is missing (Debian, Ubuntu)
	@tools/deps.sh install "$(CXX)"

deps-peers: ## install what bench-peers compares with: PyTorch
	@tools/deps.sh peers

deps-cluster: ## install what cluster-test needs: ip, tc
	@tools/deps.sh cluster

deps-browser: ## install what browser-test needs: Chromium without a window
	@tools/deps.sh browser

deps-docs: ## install what docs needs: doxygen, Sphinx
	@tools/deps.sh docs

data: | $(filter deps,$(goals)) ## fetch MNIST into data/mnist
	@tools/fetch_mnist.sh data/mnist

train: data build/colonnade ## train an MLP on MNIST, on RANKS ranks
	$(MPIEXEC) -n $(RANKS) build/colonnade train mlp --data data/mnist --widths 784,1024,1024,10 \
	  --batch 128 --epochs $(EPOCHS) --schedule cosine $(TRAIN_FLAGS)

demo: build/colonnade ## the smallest tensor-parallel job; needs no data and proves its gradients
	$(MPIEXEC) -n $(RANKS) build/colonnade demo

test: $(test_programs) $(if $(TEST_SCRIPTS),$(TEST_SCALARS:%=$(variant_dir)/%/colonnade)) ## build and pass every test
	@MPIEXEC='$(MPIEXEC)' TEST_SCALARS='$(TEST_SCALARS)' TEST_SCRIPTS='$(TEST_SCRIPTS)' \
	  tools/run_tests.sh $(variant_dir) $(TEST_RANKS)

# Fuzzers are a variant of their own, which clang++ alone can build.
fuzzing_make = +@$(MAKE) --no-print-directory SANITIZE=$(fuzzing) \
  CXX=$(if $(findstring clang,$(CXX)),$(CXX),clang++)

fuzz: ## look for files that break a parser, MINUTES minutes for each (clang++)
	$(fuzzing_make) run-fuzzers

fuzz-keep: ## add what fuzz found to fuzz/corpus, as few files as reach the same code
	$(fuzzing_make) keep-finds

.PHONY: run-fuzzers keep-finds
run-fuzzers: $(fuzz_programs)
	@tools/fuzz.sh run $(MINUTES) $^

keep-finds: $(fuzz_programs)
	@tools/fuzz.sh keep $^

chaos: build/colonnade ## kill a training run KILLS times, resume it, and compare it with one left alone
	@COLONNADE=build/colonnade MPIEXEC='$(MPIEXEC)' tools/chaos.sh $(KILLS)

cluster-test: build/colonnade ## train across pretended hosts that speak TCP; as root
	@COLONNADE=build/colonnade MPIEXEC='$(MPIEXEC)' bash tests/cluster_test.sh

browser-test: $(if $(all_programs),$(variant_dir)/float/colonnade) ## open the pages that the program writes in chromium
	@TEST_SCALARS= TEST_SCRIPTS='tests/browser_*.sh' tools/run_tests.sh $(variant_dir)

peers_script = $(if $(filter cuda,$(BACKEND)),compare_on_gpu.py,compare.py)
compare_with_peers = MPIEXEC='$(MPIEXEC)' python3 bench/peers/$(peers_script) $(variant_dir)/float/bench \
  $(if $(filter pretended,$(GPU)),--try --device cpu)

bench: $(bench_programs) $(if $(filter cuda,$(BACKEND)),$(peer_programs)) | $(filter data,$(goals)) ## measure, on RANKS ranks; on a GPU beside PyTorch too
	@set -e; for program in $(bench_programs); do \
	  echo "$(MPIEXEC) -n $(RANKS) $$program $(BENCH_FLAGS)"; \
	  $(MPIEXEC) -n $(RANKS) $$program $(BENCH_FLAGS); done
	@$(if $(filter cuda,$(BACKEND)),$(compare_with_peers))

bench-peers: $(peer_programs) | $(filter data deps-peers,$(goals)) ## the same work by PyTorch and by MPICH, in turn; takes some minutes
	@$(compare_with_peers)

sanitize-gpu: $(test_programs) ## every test of one rank under compute-sanitizer, for BACKEND=cuda
	@CUDA_HOME='$(CUDA_HOME)' tools/sanitize_gpu.sh $(TEST_SCALARS:%=$(variant_dir)/%/tests)

plots: build/colonnade ## measure steps of many sizes and draw docs/*.svg (python3)
	@MPIEXEC='$(MPIEXEC)' tools/plots.sh build/plots $(PLOT_SECONDS)
	@python3 tools/plots.py build/plots docs

walkthrough: $(walkthrough_chapters) ## build and run every chapter of docs/walkthrough; chapter-05: that one
	@$(walkthrough_py) run

docs-check: $(walkthrough_programs) ## check that code, output and drawings in docs/walkthrough are up to date
	@$(walkthrough_py) check

docs-update: $(walkthrough_programs) ## bring them up to date (python3)
	@$(walkthrough_py) update

docs: ## build the site of all documents, the walkthrough and the headers' reference, in build/site
	@tools/site.py build/site

cxx_files = $(wildcard include/*/*.hpp src/*/*.cu $(addsuffix /*.[ch]pp,src src/* tests tests/* fuzz \
  bench bench/* docs/walkthrough docs/walkthrough/*))
shell_files = $(wildcard tools/*.sh tests/*.sh bench/*.sh) .ci/run

format: ## bring all code into the project's format
	@clang-format -i $(cxx_files)

.PHONY: format-check shellcheck
format-check:
	@clang-format --dry-run -Werror $(cxx_files)

shellcheck:
	@if command -v shellcheck >/dev/null; then shellcheck -x $(shell_files); \
	else echo "shellcheck is not installed: scripts left unchecked"; fi

lint: format-check shellcheck $(tidy_stamps) ## check format, C++ (clang-tidy) and scripts

install: $(program) $(library) $(proof_library) ## install headers, library, program and colonnade.pc under PREFIX
	@install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin include/colonnade lib/pkgconfig)
	@install -m 755 $(program) $(DESTDIR)$(PREFIX)/bin
	@install -m 644 $(wildcard include/colonnade/*.hpp) $(DESTDIR)$(PREFIX)/include/colonnade
	@install -m 644 $(library) $(proof_library) $(DESTDIR)$(PREFIX)/lib
	@sed -e 's|@VERSION@|$(shell sed -n 's/.* version = "\(.*\)";/\1/p' include/colonnade/version.hpp)|' \
	  -e 's|@PREFIX@|$(PREFIX)|' -e 's|@SCALAR@|$(SCALAR)|' \
	  -e 's|@CFLAGS@|$(public_defines)|' -e 's|@LIBS@|$(libraries) -fopenmp|' colonnade.pc.in \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/colonnade.pc
	@echo "installed under $(DESTDIR)$(PREFIX)"

clean: ## remove everything that was built
	@rm -rf build

help: ## this list
	@sed -n -e 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | \
	  awk -F@ '{ printf "%-16s %s\n", $$1, $$2 }'
	@sed -n 's/^#= \{0,1\}//p' Makefile

#=
#= options, as in `make test SCALAR=double`; the value without the option stands first:
#=   SCALAR=float|double           number type of the program
#=   BLAS=auto|openblas|blis|eigen matrix products; auto takes the first of the others it finds
#=   BACKEND=cpu|cuda              where the arithmetic runs
#=   CUDA_HOME=/usr/local/cuda     where CUDA's compiler and libraries are, for BACKEND=cuda
#=   CUDA_ARCH=                    GPU to compile for; without it sm_90, or the newest nvcc knows
#=   GPU=                          or pretended: CUDA's sources as a program of this computer
#=   SANITIZE=                     or address,undefined or thread
#=   ARCH=native                   processor, for the compiler's -march
#=   CXX=g++                       or clang++
#=   WERROR=                       1: a warning ends the build
#=   V=                            1: show the compiler's commands
#=   RANKS=2                       ranks of train, demo and bench; 1 for BACKEND=cuda
#=   BENCH_FLAGS=                  or --try: small sizes, to see that benches run; so on a pretended GPU
#=   MINUTES=1                     how long fuzz tries to break each parser
#=   PLOT_SECONDS=2                how long plots times the steps of each size
#=   EPOCHS=5 TRAIN_FLAGS=         length and further options of train
#=   KILLS=30 SEED=                length of chaos, and the choices of an earlier one
#=   TEST_RANKS='1 2 3 4'          numbers of processes that test visits, beside threads
#=   TEST_SCALARS='float double'   number types that test tries
#=   TEST_SCRIPTS='tests/test_*.sh' scripts that test runs after them
#=   PREFIX=/usr/local DESTDIR=    where install puts things
