# SPDX-License-Identifier: Apache-2.0
#
# One Makefile for everything. Folders under src/ become one archive each; a file that
# is put into its folder is built without being named here.
#
#   make            build/holdfast            make test    unit, fault, regress, interop
#   make gates      style gates               make bench   figures against baselines
#   make asan tsan  the tests with sanitizers  make fuzz T=600   every parser
#   make torture    the long fault runs       make install
#
# Floating point: -ffp-contract=off everywhere, since same input must give the same bits.

include config.mk

FIELD := field/modbus field/mqtt field/sparkplug field/files field/mtconnect
# Folders in the order of their layers (tools/layers): each may include those before it.
FOLDERS := base os model bus conf store field $(FIELD) detect web comply proc cli

WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wno-unused-parameter
ifeq ($(WERROR),1)
WARN += -Werror
endif
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ifneq ($(SAN),)
HARDEN := -fsanitize=$(SAN) -fno-omit-frame-pointer -DHF_SANITIZED=1
LDSAN := -fsanitize=$(SAN)
endif
CPPFLAGS += -D_GNU_SOURCE -Isrc -Iinclude
CFLAGS += -std=gnu11 $(OPT) -ffp-contract=off -fno-fast-math $(WARN) $(HARDEN) -pthread
LDFLAGS += -pie $(LDSAN) -pthread -Wl,-z,relro,-z,now
LIBS := -levent_core -levent_extra -levent_pthreads -lssl -lcrypto -lsqlite3 -lzstd -lyaml \
	-ljansson -lseccomp -lmosquitto -lexpat -lmodbus -lm

srcs = $(wildcard src/$(1)/*.c)
objs = $(patsubst src/%.c,$(B)/obj/%.o,$(call srcs,$(1)))
lib  = $(B)/lib/lib$(subst /,_,$(1)).a
ALL_LIBS := $(foreach f,$(FOLDERS),$(call lib,$(f)))
GROUP := -Wl,--start-group $(ALL_LIBS) -Wl,--end-group

PLUGIN := $(B)/holdfast-policy.so

# make V=1 shows the commands.
Q := $(if $(V),,@)

all: $(B)/holdfast $(PLUGIN)

$(B)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define folder_rule
$(call lib,$(1)): $(call objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@$$(if $$^,ar rcs $$@ $$^,ar rcs $$@)
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rule,$(f))))

$(B)/holdfast: $(B)/obj/main.o $(ALL_LIBS)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(B)/obj/main.o $(GROUP) $(LIBS)

# The broker's policy plugin: what it shares with the product is compiled once more, as
# position-independent code, without sanitizers (mosquitto has none).
PLUGIN_SRC := bus/plugin/plugin bus/denied model/policy base/buf base/err base/hash
PLUGIN_OBJ := $(PLUGIN_SRC:%=$(B)/pic/%.o)
$(B)/pic/%.o: src/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 $(OPT) $(WARN) -fstack-protector-strong \
		-D_FORTIFY_SOURCE=2 -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<
$(PLUGIN): $(PLUGIN_OBJ)
	$(Q)$(CC) -shared -Wl,-z,relro,-z,now -o $@ $^ -lcrypto

# Tests: tests/unit/<folder>_<what>_test.c is linked with the archives that its folder
# may know (tools/layers), so that one broken folder does not stop another's tests.
below := base os model
knows_base := base
knows_os := base os
knows_model := $(below)
knows_conf := $(below) conf
knows_store := $(below) store
knows_bus := $(below) bus
knows_field := $(below) bus field $(FIELD)
$(foreach f,$(FIELD),$(eval knows_$(f) := $(knows_field)))
knows_detect := $(below) detect
knows_web := $(below) web
knows_comply := $(below) bus comply
knows_proc := $(FOLDERS)
knows_cli := $(FOLDERS)
firstpart = $(firstword $(subst _, ,$(1)))
foldername = $(if $(filter field/$(call firstpart,$(1)),$(FIELD)),field/)$(call firstpart,$(1))
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c))
UNIT_BIN := $(UNIT:%=$(B)/tests/unit/%)
FAULT := $(patsubst tests/fault/%.c,%,$(wildcard tests/fault/*_test.c))
FAULT_BIN := $(FAULT:%=$(B)/tests/fault/%)
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(FUZZ:%=$(B)/tests/fuzz/fuzz_%)
BENCH := $(patsubst tests/bench/bench_%.c,%,$(wildcard tests/bench/bench_*.c))
BENCH_BIN := $(BENCH:%=$(B)/tests/bench/bench_%)
PEERS := $(patsubst tests/interop/peer_%.c,%,$(wildcard tests/interop/peer_*.c))
PEER_BIN := $(PEERS:%=$(B)/tests/interop/peer_%)
TOOLS := $(patsubst tools/%.c,%,$(wildcard tools/*.c))
TOOL_BIN := $(TOOLS:%=$(B)/tools/%)
EVAL := $(patsubst tests/eval/%.c,%,$(wildcard tests/eval/*.c))
EVAL_BIN := $(EVAL:%=$(B)/eval/%)

define unit_rule
$(B)/tests/unit/$(1): $(B)/tests/obj/unit/$(1).o $(foreach f,$(knows_$(call foldername,$(1))),$(call lib,$(f)))
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(LIBS) -lcmocka
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

$(B)/tests/obj/%.o: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP -c -o $@ $<
$(FAULT_BIN): $(B)/tests/fault/%: $(B)/tests/obj/fault/%.o $(ALL_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(GROUP) $(LIBS) -lcmocka
# It stands in mosquitto's place: the plugin finds mosquitto's functions in it.
$(B)/tests/fault/bus_plugin_test: $(PLUGIN)
$(B)/tests/fault/bus_plugin_test: LDFLAGS += -rdynamic
$(BENCH_BIN): $(B)/tests/bench/%: $(B)/tests/obj/bench/%.o $(ALL_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(GROUP) $(LIBS)
$(EVAL_BIN): $(B)/eval/%: $(B)/tests/obj/eval/%.o $(ALL_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(GROUP) $(LIBS)
$(PEER_BIN): $(B)/tests/interop/%: $(B)/tests/obj/interop/%.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -lmodbus
# Independent tools share no code with the product: no -Isrc, none of its archives.
$(TOOL_BIN): $(B)/tools/%: tools/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(OPT) $(WARN) $(HARDEN) -pie -o $@ $< -lcrypto -ljansson
# The same program with a Modbus parser that dies on a marked answer (HF_FAULTS), for the
# test that such a device is quarantined.
FAULTY_OBJ := $(patsubst src/field/modbus/%.c,$(B)/faults/obj/%.o,$(wildcard src/field/modbus/*.c))
$(B)/faults/obj/%.o: src/field/modbus/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DHF_FAULTS $(CFLAGS) -MMD -MP -c -o $@ $<
$(B)/faults/holdfast: $(B)/obj/main.o $(FAULTY_OBJ) $(ALL_LIBS)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(B)/obj/main.o $(FAULTY_OBJ) -Wl,--start-group \
		$(filter-out $(call lib,field/modbus),$(ALL_LIBS)) -Wl,--end-group $(LIBS)
# Fuzz harnesses define LLVMFuzzerTestOneInput; in `make test` a plain main runs the
# corpus, in `make fuzz` clang's libFuzzer drives them.
$(FUZZ_BIN): $(B)/tests/fuzz/%: $(B)/tests/obj/fuzz/%.o $(B)/tests/obj/fuzz/corpus_main.o $(ALL_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(GROUP) $(LIBS)

tests-build: $(B)/holdfast $(PLUGIN) $(B)/faults/holdfast $(UNIT_BIN) $(FAULT_BIN) $(FUZZ_BIN) $(PEER_BIN) $(TOOL_BIN) $(EVAL_BIN)

# make test ONLY='store_*' runs those whose name matches.
test: tests-build
	B=$(B) ONLY='$(ONLY)' tools/run-tests

unit-%: $(B)/tests/unit/%
	$<

gates:
	tools/gates

# The other compiler's warnings, without building (gate_clang_has_no_warnings).
clang-syntax:
	@find src tests tools -name '*.c' | xargs -P 2 -n 8 $(CLANG) -fsyntax-only -Werror \
		$(CPPFLAGS) -Itests $(CFLAGS)

# A reader's help, with .clang-tidy; needs the package clang-tidy.
tidy:
	@find src -name '*.c' | xargs -P 2 -n 3 sh -c \
		'clang-tidy --quiet "$$@" -- $(CPPFLAGS) -std=gnu11 2>/dev/null' tidy

# Units, faults (a whole plant among them) and the fuzz corpora with the sanitizers, which
# are 2 to 20 times slower: HF_TEST_SLOW stretches the waits of the tests, nothing else.
# Sanitizer builds have no seccomp filter; what tests it is skipped by name.
asan:
	$(MAKE) B=build-asan SAN=address,undefined OPT='-O1 -g' tests-build
	B=build-asan HF_TEST_SLOW=4 ASAN_OPTIONS=detect_leaks=1 \
		UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ONLY='$(ONLY)' \
		tools/run-tests unit fault fuzz
tsan:
	$(MAKE) B=build-tsan SAN=thread OPT='-O1 -g' tests-build
	B=build-tsan HF_TEST_SLOW=5 TSAN_OPTIONS=halt_on_error=1 ONLY='$(ONLY)' \
		tools/run-tests unit fault

# The same harnesses under libFuzzer; tools/fuzz gives B, CC and SAN.
FUZZ_LIVE := $(FUZZ:%=$(B)/fuzz/fuzz_%)
$(FUZZ_LIVE): $(B)/fuzz/%: $(B)/tests/obj/fuzz/%.o $(ALL_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(GROUP) $(LIBS)
fuzz-build: $(FUZZ_LIVE)

T ?= 60
fuzz:
	T=$(T) tools/fuzz

bench: $(B)/holdfast $(PLUGIN) $(BENCH_BIN)
	B=$(B) tools/bench

torture: tests-build
	B=$(B) TORTURE=1 LIMIT=3600 tools/run-tests torture

install: $(B)/holdfast $(PLUGIN) $(B)/tools/hf-audit-verify
	install -D -m 0755 $(B)/holdfast $(DESTDIR)$(PREFIX)/bin/holdfast
	install -D -m 0644 $(PLUGIN) $(DESTDIR)$(PREFIX)/lib/holdfast/holdfast-policy.so
	install -D -m 0755 $(B)/tools/hf-audit-verify $(DESTDIR)$(PREFIX)/bin/hf-audit-verify
	install -D -m 0755 tools/audit_verify.py $(DESTDIR)$(PREFIX)/share/holdfast/audit_verify.py
	install -D -m 0644 etc/holdfast.service $(DESTDIR)$(PREFIX)/share/holdfast/holdfast.service
	install -D -m 0644 etc/sysusers.d/holdfast.conf $(DESTDIR)$(PREFIX)/share/holdfast/sysusers.conf
	for m in man/*.[1-8]; do \
		install -D -m 0644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; \
	done

clean:
	rm -rf $(B) build-asan build-tsan build-fuzz

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: all tests-build test gates clang-syntax tidy asan tsan fuzz fuzz-build bench torture install clean
.PRECIOUS: $(B)/obj/%.o $(B)/tests/obj/%.o
