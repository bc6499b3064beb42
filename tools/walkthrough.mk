# The programs of docs/walkthrough: chapter, solutions and, where a page breaks its chapter, broken.
# Included by Makefile after tools/compile.mk, whose rules it uses; in double, whatever SCALAR is.

walkthrough_dir := $(dir_double)/docs/walkthrough
walkthrough_folders := $(patsubst docs/walkthrough/%/README.md,%,$(wildcard docs/walkthrough/[0-9][0-9]-*/README.md))
walkthrough_broken := $(patsubst docs/walkthrough/%/README.md,%,$(if $(walkthrough_folders), \
  $(shell grep -ls '^<!-- break: ' $(walkthrough_folders:%=docs/walkthrough/%/README.md))))
walkthrough_py = python3 tools/walkthrough.py --programs $(walkthrough_dir)

# They are small and run once: what is compiled fast is seen soon.
walkthrough_flags := $(subst -O3,-O0,$(subst -g1,-g0,$(flags))) $(public_defines_double)
define walkthrough_compile
	$(call say,CXX  double  $<)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(walkthrough_flags) $(told) -Idocs/walkthrough -MMD -MP -c $< -o $@
endef

$(dir_double)/obj/docs/%.o: docs/%.cpp $(dir_double)/command tools/walkthrough.mk
	$(walkthrough_compile)

# What is broken may leave something unused: no reason to say so.
$(dir_double)/obj/docs/%/broken.o: private told := -w
$(dir_double)/obj/docs/%/broken.o: $(dir_double)/obj/docs/%/broken.cpp $(dir_double)/command tools/walkthrough.mk
	$(walkthrough_compile)

# Stays as old as it is while it is the same: most changes of a page are none of its break.
$(dir_double)/obj/docs/walkthrough/%/broken.cpp: docs/walkthrough/%/README.md docs/walkthrough/%/chapter.cpp
	@mkdir -p $(@D)
	@$(walkthrough_py) break $(firstword $(subst -, ,$*)) > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

.SECONDARY: $(walkthrough_broken:%=$(dir_double)/obj/docs/walkthrough/%/broken.cpp)
define walkthrough_program
$(eval $(call program_rule,double,docs/walkthrough/$1,docs/walkthrough/$1.cpp,$(dir_double)/libcolonnade.a))
endef
$(foreach folder,$(walkthrough_folders),$(foreach name,chapter solutions, \
  $(call walkthrough_program,$(folder)/$(name))))
$(foreach folder,$(walkthrough_broken),$(call walkthrough_program,$(folder)/broken))
-include $(wildcard $(dir_double)/obj/docs/walkthrough/*/*.d)

walkthrough_chapters := $(walkthrough_folders:%=$(walkthrough_dir)/%/chapter)
walkthrough_programs := $(walkthrough_chapters) $(walkthrough_folders:%=$(walkthrough_dir)/%/solutions) \
  $(walkthrough_broken:%=$(walkthrough_dir)/%/broken)

# chapter-05 for 05-gather-backward.
define walkthrough_chapter
.PHONY: chapter-$(firstword $(subst -, ,$1))
chapter-$(firstword $(subst -, ,$1)): $(walkthrough_dir)/$1/chapter
	@$$(walkthrough_py) run $(firstword $(subst -, ,$1))
endef
$(foreach folder,$(walkthrough_folders),$(eval $(call walkthrough_chapter,$(folder))))
