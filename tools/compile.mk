# How sources become objects, libraries and programs; included by Makefile once the machine is known.

kind := $(if $(filter g++,$(CXX)),,-$(notdir $(firstword $(CXX))))
kind := $(kind)$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
kind := $(kind)$(if $(filter native,$(ARCH)),,-$(ARCH))
variant_dir := build/$(if $(filter cuda,$(BACKEND)),cuda-$(or $(GPU),$(cuda_arch)),cpu-$(blas))$(kind)
# What knows no backend, for all of them.
common_dir := build/common$(kind)

# Sanitizers want frames and lines; else line numbers alone, which cost no speed and name the place
# in a profile or a crash.
ifneq ($(SANITIZE),)
optimization := -O1 -g1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
else
optimization := -O3 -g1
endif
# No a * b + c in one instruction unless the code says so: the compiler would fuse it in the vector
# body of a loop and not in its rest, and an element's bits would depend on where it lies. Products
# of matrices lose nothing, their kernels spell it out.
optimization += -march=$(ARCH) -ffp-contract=off
public_defines_double := -DCOLONNADE_DOUBLE
# On a GPU nothing is left for a BLAS.
blas_define := $(if $(or $(filter cuda,$(BACKEND)),$(filter eigen,$(blas))),,-DEIGEN_USE_BLAS)
blas_name_openblas := -DCOLONNADE_BLAS_OPENBLAS
blas_name_blis := -DCOLONNADE_BLAS_BLIS
backend_flags := $(if $(filter cuda,$(BACKEND)),$(cuda_cflags),$(blas_cflags) $(blas_define) $(blas_name_$(blas)))
backend_libs := $(if $(filter cuda,$(BACKEND)),$(cuda_libs),$(blas_libs))
public_defines := $(strip $(public_defines_$(SCALAR)))
# g++ 12 sees an overlap in "text" + std::to_string(n) that cannot be (its bug 105651), and takes the
# deliberately undefined registers of its own AVX-512 header for a mistake (105593).
# Sanitizers make such mistakes more frequent, so that a warning is no error in its builds with them.
is_clang := $(findstring clang,$(compiler))
quirks := $(if $(is_clang),,-Wno-restrict -Wno-maybe-uninitialized $(if $(SANITIZE),-Wno-uninitialized))
# With what they add to a loop, clang++ cannot make vectors of it as OpenMP asks, and says so.
quirks += $(if $(and $(is_clang),$(SANITIZE)),-Wno-pass-failed)
quirks += $(if $(WERROR),$(if $(is_clang),-Werror,$(if $(SANITIZE),,-Werror)))
common_flags := -std=c++20 $(optimization) -fopenmp -Wall -Wextra -Wpedantic $(quirks) \
  -Iinclude -Isrc $(found_cflags) $(CXXFLAGS)
flags := $(common_flags) $(backend_flags)
# What is around the library, and tests: compiled often, run shortly, and soon built so. With less
# optimization g++ 12 takes a string's own buffer for too short.
quick := -O1
quick_quirks := $(if $(is_clang),,-Wno-array-bounds -Wno-stringop-overflow)
test_flags := $(patsubst $(firstword $(optimization)),$(quick),$(common_flags)) -Itests $(quick_quirks)
libraries := $(mpi_libs) $(backend_libs)

# Kernels: by nvcc, whose host compiler is ours; or as C++, where a GPU is pretended. As on the CPU,
# no a * b + c in one instruction unless the code says so. Kernels may call constexpr functions.
cuda_compile := $(if $(GPU),$(CXX) $(flags) -x c++,$(nvcc) -std=c++20 -O3 -lineinfo -fmad=false --expt-relaxed-constexpr \
  -arch=$(cuda_arch) \
  -ccbin $(CXX) -Xcompiler -Wall$(comma)-Wextra$(if $(WERROR),$(comma)-Werror) -Iinclude -Isrc $(cuda_cflags))

# Linking anew is needed when the command or the list of objects changed, not only the objects.
# $(call keep,FILE,TEXT) is a rule that writes TEXT to FILE whenever it is something else.
differs = $(subst x$(strip $1),,x$(strip $2))$(subst x$(strip $2),,x$(strip $1))
define keep
$1: $$(if $$(call differs,$$(file <$1),$2),FORCE)
	@: $$(shell mkdir -p $$(@D))$$(file >$$@,$2)
endef

backend_version = $(if $(filter cuda,$(BACKEND)),: $(cuda_version),$(newline)  BLAS=$(blas): $(blas_version)$(blas_choice))
blas_choice = $(if $(blas_libs),; BLAS=eigen does without)
define newline


endef
define banner
Colonnade, in $(variant_dir) and $(common_dir)
  CXX=$(CXX): $(compiler), -march=$(ARCH)
  SCALAR=$(SCALAR) for the program; libraries and tests are built in float and double
  BACKEND=$(BACKEND)$(backend_version)
  MPI: $(mpi_version)
  SANITIZE=$(or $(SANITIZE), (address$(comma)undefined or thread))
endef
# Expanded by the first recipe that builds something, and empty from then on.
announce = $(if $(announced),,$(eval announced := yes)$(info $(banner)))
Q := $(if $(V),,@)
say = $(announce)$(if $(V),,@echo "  $1")

app_main := src/app/main.cpp
library_sources := $(wildcard src/*.cpp src/$(BACKEND)/*.cpp src/$(BACKEND)/*.cu)
# What stands in for CUDA where a GPU is pretended, in every program once.
pretended_gpu := $(if $(filter pretended,$(GPU)),$(variant_dir)/libpretended_gpu.a)
# Pages that the program writes, as text in its code.
embedded := build/embedded.cpp
embedded_files := $(wildcard src/app/pages/* third_party/*/*.js third_party/*/*.css third_party/*/*.LICENSE)
app_sources := $(filter-out $(app_main),$(wildcard src/app/*.cpp)) $(embedded)
proof_sources := $(wildcard src/proof/*.cpp)
zoo_sources := $(wildcard src/zoo/*.cpp)
# What proves gradients, with all of the double library that it proves.
proof_library := $(variant_dir)/double/libcolonnade_proof.a
# Networks with mistakes in them, on the same library.
zoo_library := $(variant_dir)/double/libcolonnade_zoo.a
test_sources := $(wildcard tests/*.cpp tests/$(BACKEND)/*.cpp)
# On GPUs without what is of the CPU alone: what node memory, processors and networks of hosts cost.
cpu_benches := collectives overlap step_compute transport wire
bench_names := $(patsubst bench/%.cpp,%,$(wildcard bench/*.cpp bench/$(BACKEND)/*.cpp))
bench_names := $(filter-out $(if $(filter cuda,$(BACKEND)),$(cpu_benches)),$(bench_names))
peer_names := $(basename $(notdir $(wildcard bench/peers/*.cpp)))
fuzz_names := $(patsubst fuzz/fuzz_%.cpp,%,$(wildcard fuzz/fuzz_*.cpp))
# The parsers and what they stand on. Neither Eigen nor MPI is among it, so that fuzzers, whose
# objects are of no use to anyone else, are built soon. The linker says what is missing here.
fuzzed_sources := $(addprefix src/,$(addsuffix .cpp, \
  checkpoint_info checksum collectively common_header cpu/backend_transport cpu/device_memory error file fingerprint header_checksum idx memory npy npy_header \
  mesh place process_group rank_list render safetensors_header safetensors_load self_transport shard \
  shared_file stored_checksum tensor tensor_slice ticks timeline watched_file))

$(eval $(call keep,$(embedded).members,$(embedded_files)))
$(embedded): tools/embed.sh $(embedded_files) $(embedded).members
	@mkdir -p $(@D)
	$(Q)tools/embed.sh $(embedded_files) >$@

# In which no number type occurs: compiled once for both.
untyped := $(embedded) $(shell tools/untyped.sh $(library_sources) $(test_sources) \
  $(filter-out $(embedded),$(app_sources)) $(app_main))

# What is compiled for each backend by itself.
of_backend := src/cpu/% src/cuda/% src/app/build.cpp bench/% tests/cuda/% tests/pretended_gpu/% docs/%

# Objects, of a scalar or of both, $1, mirror the sources' paths.
define compile_rules
dir_$1 := $(variant_dir)/$1
common_$1 := $(common_dir)/$1

$$(eval $$(call keep,$$(dir_$1)/command,$(compiler): $(CXX) $(flags) $$(public_defines_$1) $(libraries)))
$$(eval $$(call keep,$$(common_$1)/command,$(compiler): $(CXX) $(common_flags) $$(public_defines_$1)))

$$(common_$1)/obj/%.o: %.cpp $$(common_$1)/command
	$$(call say,CXX  $1  $$<)
	@mkdir -p $$(@D)
	$$(Q)$(CXX) $(common_flags) $$(public_defines_$1) $$(told) -MMD -MP -c $$< -o $$@

$$(dir_$1)/obj/%.o: %.cpp $$(dir_$1)/command
	$$(call say,CXX  $1  $$<)
	@mkdir -p $$(@D)
	$$(Q)$(CXX) $(flags) $$(public_defines_$1) $$(told) -MMD -MP -c $$< -o $$@

$$(dir_$1)/obj/%.o: %.cu $$(dir_$1)/command
	$$(call say,CUDA $1  $$<)
	@mkdir -p $$(@D)
	$$(Q)$(cuda_compile) $$(public_defines_$1) -MMD -MP -c $$< -o $$@

$$(dir_$1)/obj/tests/cuda/%.o: private told := -Itests

# Tests spend most of their compile time on doctest, so that is compiled once. Compilers take
# X.hpp.gch for -include X.hpp.
$$(common_$1)/obj/tests/precompiled.hpp.gch: tests/precompiled.hpp $$(common_$1)/command
	$$(call say,CXX  $1  $$<)
	@mkdir -p $$(@D)
	$$(Q)$(CXX) $(test_flags) $$(public_defines_$1) -MMD -MP -MF $$(@:.gch=.d) -x c++-header $$< -o $$@

$$(common_$1)/obj/tests/%.o: tests/%.cpp $$(common_$1)/obj/tests/precompiled.hpp.gch
	$$(call say,CXX  $1  $$<)
	@mkdir -p $$(@D)
	$$(Q)$(CXX) $(test_flags) $$(public_defines_$1) -include $$(common_$1)/obj/tests/precompiled.hpp \
	  -MMD -MP -c $$< -o $$@

# Nobody asks errno about a square root; with that promise it is one instruction for many numbers.
$$(dir_$1)/obj/src/$(BACKEND)/adamw.o: private told := -fno-math-errno

# What is around the library reads options and prints: it need not be fast, and is compiled sooner so.
$$(common_$1)/obj/src/app/%.o: private told := $(quick) $(quick_quirks)

# The program tells how it was built, and ranks compare that.
$$(dir_$1)/obj/src/app/build.o: private told := '-DCOLONNADE_BUILD_FLAGS="$(optimization) $(blas_define)"'

-include $$(foreach dir,$$(dir_$1) $$(common_$1),$$(wildcard $$(dir)/obj/*/*.d $$(dir)/obj/*/*/*.d))
endef

# $(call objects,FOLDER,SCALAR,SOURCES)
objects = $(patsubst %,$1/$2/obj/%.o,$(basename $(filter-out $(untyped),$3))) \
  $(patsubst %,$1/both/obj/%.o,$(basename $(filter $(untyped),$3)))

# Of one scalar, $1. What proves gradients, and the zoo, are compiled in double only and linked into
# both programs, with the double library that is proven; the inline namespaces of scalar.hpp keep the
# two libraries apart.
define scalar_rules
objects_$1 = $$(call objects,$(variant_dir),$1,$$(filter $(of_backend),$$1)) \
  $$(call objects,$(common_dir),$1,$$(filter-out $(of_backend),$$1))
parts_$1 := $$(dir_$1)/libcolonnade_app.a $$(dir_$1)/libcolonnade.a
parts_$1 += $(zoo_library) $(proof_library) $(pretended_gpu)

$$(eval $$(call archive_rule,$$(dir_$1)/libcolonnade.a,$$(call objects_$1,$(library_sources))))
$$(eval $$(call archive_rule,$$(dir_$1)/libcolonnade_app.a,$$(call objects_$1,$(app_sources))))
$$(eval $$(call program_rule,$1,colonnade,$(app_main),$$(parts_$1)))
$$(eval $$(call program_rule,$1,tests,$(test_sources),$$(parts_$1)))
$$(foreach name,$(bench_names),$$(eval $$(call program_rule,$1,bench/$$(name),bench/$$(name).cpp,$$(parts_$1))))
$$(foreach name,$(peer_names),$$(eval $$(call program_rule,$1,bench/peers/$$(name),bench/peers/$$(name).cpp,$$(parts_$1))))
$$(foreach name,$(fuzz_names),$$(eval $$(call program_rule,$1,fuzz/$$(name),fuzz/fuzz_$$(name).cpp $(fuzzed_sources))))
endef

# The archive is made anew, so that no object of a deleted source stays in it.
define archive_rule
$(call keep,$1.members,$2)
$1: $2 $1.members
	$$(call say,AR   $$@)
	@rm -f $$@
	$$(Q)ar rcs $$@ $2
endef

# A program, $2, of sources, $3, and libraries, $4.
define program_rule
$(call keep,$(dir_$1)/obj/$2.members,$3)
$(dir_$1)/$2: $(call objects_$1,$3) $4 $(dir_$1)/obj/$2.members
	$$(call say,LINK $$@)
	@mkdir -p $$(@D)
	$$(Q)$(CXX) $(optimization) -fopenmp $(LDFLAGS) $(call objects_$1,$3) $4 $(libraries) -o $$@
endef

$(foreach scalar,$(scalars) both,$(eval $(call compile_rules,$(scalar))))
$(foreach scalar,$(scalars),$(eval $(call scalar_rules,$(scalar))))
ifneq ($(pretended_gpu),)
$(eval $(call archive_rule,$(pretended_gpu),$(call objects_double,$(wildcard tests/pretended_gpu/*.cpp))))
$(eval $(call program_rule,double,tests_of_pretended_gpu,$(wildcard tests/pretended_gpu/test/*.cpp),$(pretended_gpu)))
$(dir_double)/obj/tests/pretended_gpu/test/%.o: private told := -O1 -Itests/pretended_gpu
endif
$(eval $(call archive_rule,$(zoo_library),$(call objects_double,$(zoo_sources))))
$(eval $(call archive_rule,$(proof_library),$(call objects_double,$(proof_sources) $(library_sources))))

library := $(variant_dir)/$(SCALAR)/libcolonnade.a
program := $(variant_dir)/$(SCALAR)/colonnade
all_programs := $(if $(wildcard $(app_main)),$(scalars:%=$(variant_dir)/%/colonnade))
test_programs := $(TEST_SCALARS:%=$(variant_dir)/%/tests) $(if $(pretended_gpu),$(variant_dir)/double/tests_of_pretended_gpu)
fuzz_programs := $(fuzz_names:%=$(variant_dir)/$(SCALAR)/fuzz/%)
bench_programs := $(bench_names:%=$(variant_dir)/$(SCALAR)/bench/%)
# Peers compute in single precision.
peer_programs := $(peer_names:%=$(variant_dir)/float/bench/peers/%) $(if $(filter collectives,$(bench_names)),$(variant_dir)/float/bench/collectives)

all: $(if $(all_programs),build/colonnade,$(library))

# The program of the variant that was built last. make looks through the link at the program's time,
# so only a link to another program needs a hand.
build/colonnade: $(program) $(if $(call differs,$(shell readlink build/colonnade),$(program:build/%=%)),FORCE)
	@ln -sfn $(program:build/%=%) $@

tidy_stamps := $(patsubst %.cpp,$(variant_dir)/tidy/%, \
  $(wildcard $(addsuffix /*.cpp,src src/* tests fuzz bench bench/peers)))
$(variant_dir)/tidy/%: %.cpp $(wildcard include/*/*.hpp $(addsuffix /*.hpp,src src/* tests fuzz bench bench/peers)) .clang-tidy | $(page_strings)
	$(call say,TIDY $<)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $< -- $(filter-out -Werror,$(flags)) \
	  $(if $(filter src/proof/% src/zoo/%,$<),-DCOLONNADE_DOUBLE) 2>$@.log || { cat $@.log >&2; exit 1; }
	@touch $@
