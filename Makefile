# eventstore/Makefile
#
#	make, make install		build and install for the server of $(PG_CONFIG)
#	make demo				a private server, real events, what can be asked of them
#	make test				everything that is tested, in private servers
#	make lint, make indent	conventions of the source; its layout
#
# demo and test do all of their set-up and touch no installed server; see
# tests/README.md.

EXTENSION  = eventstore
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(srcdir)/eventstore.control)
MODULE_big = eventstore
PGFILEDESC = "eventstore - event storage"

# Floors, bottom first; a comma joins neighbours that may not see each other.
FLOORS = base kernel,json codec format event store stream,decode table scan,compact,ingest,state sqlapi,worker

OBJS = \
	$(WIN32RES) \
	src/base/es_announce.o \
	src/base/es_config.o \
	src/base/es_corrupt.o \
	src/base/es_progress.o \
	src/base/es_siphash.o \
	src/base/es_stoppoint.o \
	src/json/es_json_simdjson.o \
	src/codec/es_codec_blocks.o \
	src/codec/es_codec_bytes.o \
	src/codec/es_codec_column.o \
	src/codec/es_codec_compress.o \
	src/codec/es_codec_dictionary.o \
	src/codec/es_codec_encode.o \
	src/codec/es_codec_images.o \
	src/codec/es_codec_ints.o \
	src/codec/es_codec_pack.o \
	src/codec/es_codec_uuid.o \
	src/codec/es_codec_vectors.o \
	src/format/es_batch_check.o \
	src/format/es_format_check.o \
	src/store/es_store_apply.o \
	src/store/es_store_batch.o \
	src/store/es_store_batch_rows.o \
	src/store/es_store_build.o \
	src/store/es_store_compact.o \
	src/store/es_store_copy.o \
	src/store/es_store_desc.o \
	src/store/es_store_dirchange.o \
	src/store/es_store_split.o \
	src/store/es_store_directory.o \
	src/store/es_store_fetch.o \
	src/store/es_store_load.o \
	src/store/es_store_meta.o \
	src/store/es_store_read.o \
	src/store/es_store_space.o \
	src/store/es_store_sweep.o \
	src/store/es_store_tail.o \
	src/store/es_store_toast.o \
	src/store/es_store_vacuum.o \
	src/store/es_store_verify.o \
	src/store/es_store_verify_rows.o \
	src/store/es_store_xlog.o \
	src/decode/es_decode.o \
	src/decode/es_decode_batch.o \
	src/table/es_table_analyze.o \
	src/table/es_table_bitmap.o \
	src/table/es_table_build.o \
	src/table/es_table_ddl.o \
	src/table/es_table_handler.o \
	src/table/es_table_hooks.o \
	src/table/es_table_index.o \
	src/table/es_table_lock.o \
	src/table/es_table_modify.o \
	src/table/es_table_refuse.o \
	src/table/es_table_role.o \
	src/table/es_table_scan.o \
	src/table/es_table_slot.o \
	src/table/es_table_vacuum.o \
	src/compact/es_compact.o \
	src/compact/es_compact_always.o \
	src/ingest/es_ingest.o \
	src/ingest/es_ingest_insert.o \
	src/ingest/es_ingest_parse.o \
	src/sqlapi/es_sql_batches.o \
	src/sqlapi/es_sql_compact.o \
	src/sqlapi/es_sql_create.o \
	src/sqlapi/es_sql_stats.o \
	src/sqlapi/es_sql_table.o \
	src/sqlapi/es_sql_verify.o \
	src/worker/es_worker_duty.o \
	src/worker/es_worker_hooks.o \
	src/worker/es_worker_launch.o \
	src/worker/es_worker_main.o \
	src/worker/es_worker_shmem.o \
	src/eventstore.o

# Upgrade scripts are written by hand and never change once released; the full
# script of the current version is a copy of sql/eventstore.sql.
DATA       =
DATA_built = sql/eventstore--$(EXTVERSION).sql

PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS   = $(WARNINGS)
PG_CXXFLAGS = $(WARNINGS) -std=c++17
SHLIB_LINK  = -lsimdjson -lstdc++ -llz4 -lzstd -Wl,--version-script=$(srcdir)/src/eventstore.map

# The signatures of SQL functions and callbacks are PostgreSQL's: parameters
# that one of them has no use for are no mistake.
WARNINGS = -Wall -Wextra -Wno-unused-parameter

# The flags and the headers of a server built with gcc, as Debian's are.
ifneq ($(findstring clang,$(CC)),)
WARNINGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes
endif

# TESTING=1 builds what the tests run: assertions, stop points, no warnings.
# WERROR=1 is for checking a compiler; a user's may know warnings we do not.
ifdef TESTING
PG_CPPFLAGS += -DEVENTSTORE_TESTING -DUSE_ASSERT_CHECKING
endif
ifneq ($(TESTING)$(WERROR),)
WARNINGS += -Werror
endif

# SANITIZE=1 is for a server that has loaded the sanitizers' library: see
# tests/README.md.
ifdef SANITIZE
WARNINGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=alignment
SHLIB_LINK += -fsanitize=address,undefined
endif

# "make installcheck" is for a server that runs already, with the settings of
# tests/regress.conf and a library built with TESTING=1; "make test" needs none.
REGRESS        = $(shell sed -n 's/^test: *//p' $(srcdir)/tests/regress_schedule 2>/dev/null)
REGRESS_OPTS   = --inputdir=$(srcdir)/tests --outputdir=$(srcdir)
ISOLATION      = $(sort $(basename $(notdir $(wildcard $(srcdir)/tests/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=$(srcdir)/tests/isolation --load-extension=eventstore

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

ifneq ($(wildcard $(PGXS)),)

# Called from another folder, make builds there.  PGXS sees to that only if the
# server was itself built that way.
SOURCE_DIR := $(patsubst %/,%,$(dir $(abspath $(firstword $(MAKEFILE_LIST)))))
ifneq ($(SOURCE_DIR),$(CURDIR))
VPATH ?= $(SOURCE_DIR)
endif

# Bitcode for the server's JIT compiler needs the clang that the server was
# built with.  Without it everything works, only nothing of ours is inlined.
CLANG_OF_SERVER := $(shell sed -n 's/^CLANG *= *//p' $(dir $(PGXS))../Makefile.global)
ifeq ($(shell command -v "$(CLANG_OF_SERVER)" 2>/dev/null),)
override with_llvm = no
endif

include $(PGXS)

# loops over packed integers
src/codec/es_codec_pack.o src/codec/es_codec_vectors.o: CFLAGS += $(CFLAGS_VECTORIZE)

BITCODE_CXXFLAGS += -std=c++17

# VPATH builds need the object folders.  A rule cannot make them: VPATH would
# find the source folders and call them up to date.
MKDIRS := $(shell mkdir -p $(sort $(dir $(OBJS))) sql)

# Debian builds PostgreSQL without --enable-depend, so name the headers.
$(OBJS) $(OBJS:.o=.bc): $(wildcard $(srcdir)/src/*.h $(srcdir)/src/*/*.h) $(srcdir)/Makefile

$(shlib): $(srcdir)/src/eventstore.map

sql/eventstore--$(EXTVERSION).sql: sql/eventstore.sql eventstore.control
	cp $< $@

else

srcdir = .

all install uninstall installcheck clean:
	@echo 'No PostgreSQL to build for: $(PG_CONFIG) does not work or has no PGXS.' >&2
	@echo 'Install postgresql-server-dev-NN, or name it: make PG_CONFIG=/path/to/pg_config' >&2
	@exit 1

endif

# PG_CONFIG and EVENTS, where given, reach the scripts through the environment.
.PHONY: test demo lint indent

test:
	@$(srcdir)/tests/run $(STAGES)

demo:
	@$(srcdir)/tests/demo/run

lint:
	@FLOORS='$(FLOORS)' $(srcdir)/tests/lint/check '$(patsubst %.o,%,$(filter src/%,$(OBJS)))'

indent:
	@PG_CONFIG='$(PG_CONFIG)' $(srcdir)/tests/lint/indent
