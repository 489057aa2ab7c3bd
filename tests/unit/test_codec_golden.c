/*-------------------------------------------------------------------------
 *
 * test_codec_golden.c
 *	  Streams as they were first written are read as what they were: what
 *	  src/codec/README.md draws cannot change by mistake.  And with any byte of
 *	  them changed they are read without a step beside them.  Output is TAP.
 *
 *	  Called with an argument the program prints the streams that it would write
 *	  today.  Those of a released version stay as they are.
 *
 *	  Links: src/codec/es_codec_blocks.c src/codec/es_codec_bytes.c
 *	  Links: src/codec/es_codec_column.c src/codec/es_codec_compress.c
 *	  Links: src/codec/es_codec_dictionary.c src/codec/es_codec_encode.c
 *	  Links: src/codec/es_codec_images.c src/codec/es_codec_ints.c
 *	  Links: src/codec/es_codec_pack.c src/codec/es_codec_uuid.c
 *	  Links: src/codec/es_codec_vectors.c -llz4 -lzstd
 *
 * IDENTIFICATION
 *	  tests/unit/test_codec_golden.c
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/es_codec.h"

#define MAX_ROWS	100
#define MAX_IMAGE	24

/* Streams of a little-endian machine, in hexadecimal; the first is of case 0. */
static const char *const streams[] = {
	/* frame, unit, nulls */
	"02010000280000000000000070000000000000000000000003010d0018000000"
	"030004000a000b0011001200180019001f002000260027002800000000000000"
	"0000000001000000000000000100000000000000010000000000000001000000"
	"00000000010000000000000001000000000000000000000001000000a8000000"
	"0029c350ffffffff008793030000000000000000000000000106000028000000"
	"710700002403000012080000920b0000a40100008c060000aa06000000090000"
	"1600000029000000290000001d0000001f000000290000000100000003000000"
	"29000000290000001c00000006000000000000000a0000000400000026000000"
	"2600000001000000210000001f00000031000000070000000700000007000000",
	/* line */
	"020000004600000000000000a000000000e094fb1eaa02000204000018000000"
	"7a0143420f000000400c0000250200005205000051000000950b000018030000"
	"57000000ac0000002b000000860000001300000099000000b5000000b8000000"
	"bb000000a8000000000000000000000004000000100000007700000065000000"
	"ba0000002c0000001b00000086000000b3000000a3000000a00000001a000000"
	"c300000006000000",
	/* runs */
	"02000000640000000000000030000000776a379effffffff0320040018000000"
	"1e003c005a0064008995c86100000000786a379ed0eb6e3c",
	/* frame of 40 bits */
	"0200000028000000000000001801000000000000000000800128000018000000"
	"0000000000107ea701776a379e11f54402efd46e3c1289ed034756a6da13e17f"
	"04dfa9dd78145d0a059702151715d564068fac4cb51621c607a7d98453173928"
	"08bf53bbf1183db209c4f6f38f19220c0a2e052a2e1ac8590b10e362cc1b52c0"
	"0c1e59996a1c9c660de42cd0081d8af40e4eb309a71ef0130ff80941451f7ad9"
	"76e320fc4eedc600ae81217323246500e71f22eb895c03001fbe23031797a100"
	"545c2413dbcf3f008dfa252b4d06de00c59826c3ff3e7c00fa3627bb8a701a00"
	"32d50000000000006b73000000000000a011000000000000dbaf000000000000"
	"134e0000000000004aec000000000000828a000000000000b528000000000000",
	/* constant integers */
	"02000000640000000000000018000000ffffffffffffffff0000000000000000",
	/* plain integers */
	"03000002030000000000776aefd40000",
	/* nothing but nulls */
	"0100000009000000",
	/* one image, nulls */
	"04010000280000000000000070000000000000000000000003010d0018000000"
	"030004000a000b0011001200180019001f002000260027002800000000000000"
	"0000000001000000000000000100000000000000010000000000000001000000"
	"0000000001000000000000000100000000000000000000000400000000000000"
	"0961626300000000",
	/* images of 6 bytes, nulls */
	"0501000007000000000000003000000000000000000000000301030018000000"
	"0300040007000000000000000100000000000000000000000000000000000000"
	"0101010101010202020202020303030303030505050505050606060606060707"
	"0707070700000000",
	/* dictionary */
	"060000000c000000030000000000000000000000400000000000000000000000"
	"03020600180000000300050008000a000b000c00000000000000000001000000"
	"0200000000000000010000000200000001000000030000003800000000000000"
	"200000001500000015000000000000006e616d652030006e616d652031006e61"
	"6d65203200000000",
	/* blocks, not compressed */
	"0700000009000000020000000900000070000000000000003000000024000000"
	"240000000000000058000000150000001500000006000000240000006c617267"
	"65077800240000006c61726765077800240000006c6172676507780000000000"
	"240000006c61726765077800240000006c61726765000000",
	/* blocks, LZ4 */
	"0700010028000000030000002800000088010000000000004000000082000000"
	"ba02000000000000c200000087000000bc02000012000000490100003c000000"
	"9c00000024000000f00d7b22737461747573223a20226f70656e222c20226375"
	"73746f6d657214006f632d30227d0026000f2f36332700122f33312700121f35"
	"2700130f7500142f38377500120f2600132f39394d00121f324e00131f384d00"
	"122f37342700121f32ab01131f317500130f2600131f392700141f36c200121f"
	"354e0013503831227d00f00d7b22737461747573223a20226f70656e222c2022"
	"637573746f6d657214007f632d3231227d0027000f2f39332700122f34392700"
	"121f382700132f34354e00121f36c300132f33374e00122f39382700122f3136"
	"2700130f4e00131f304d00122f34322700121f392700131f337500131f322700"
	"131f385e01131f36270012502d33227d00f00d7b22737461747573223a20226f"
	"70656e222c2022637573746f6d657214007f632d3433227d0027000f1f322700"
	"132f39314e0012503633227d00000000",
	/* blocks, zstd */
	"0700020028000000030000002800000060010000000000004000000071000000"
	"ba02000000000000b100000070000000bc02000012000000210100003e000000"
	"9c000000240000000000650300c4037b22737461747573223a20226f70656e22"
	"2c2022637573746f6d6572632d30227d00363333313538373939323738373432"
	"3138393635383831227d001200c083c0c32855caa41e001eecba1e069e060a8f"
	"001e4ca90727f504f0203c94113c177830a51e9c94172e984e00005d03002284"
	"0f16905907abed373addfdeea25b11d21a9124a0e4dd359225fea8a43837b737"
	"3929b73a9a04c48d4e9778dd6021ac68cfc17503dc6047bb19eee0239e7b1212"
	"00c0838107030f020f0b9e061e39b19e031e163c0d781af034e069c0d3824700"
	"0f061eac941b2e984e0000cd0100b4027b22737461747573223a20226f70656e"
	"222c2022637573746f6d6572632d3433227d003239313633227d000400c083c1"
	"c394f2cd05d30900",
	/* blocks, zstd, trained dictionary */
	"0702020028000000030000002800000008010000e8a47ad4400000004d000000"
	"ba020000000000008d00000055000000bc02000012000000e20000001f000000"
	"9c000000240000000000450200d83633227d0033313538373939323837343031"
	"393635383831227d001100c083c0c32855caa40fc4c373c0c382a7018f84e7ba"
	"c383937a0278101eca089e4be983a1e06825540501000085020044023231227d"
	"0039333439383435363133373938313638303239323032303837363733227d00"
	"1200c0838107030f020f0b9e061e39b19e031e163c0d781af034e069c0d38247"
	"000f061eac94a3c951410000d50000683433227d003239313633227d000400c0"
	"83c1c394723e39ca0a00000000000000",
	/* UUIDs of version 7 */
	"080400005a0000005a0000000000000045a7086acc2e8ff1288aec4eaf117395"
	"0c6dcf3193f556b8ef51b31576d83a5cd33496f85abc1d7fb6187adb3d9f0123"
	"9afb5dbf2182e4067ddf41a20466c8ea60c22486e849abcd44a60869cb2d8fb0"
	"2789eb4daf1072940b6dce3092f45677ee50b21475d7395bd23495f759bb1d3e"
	"b51779db3c9e002299fb5cbe2082e3c57cde40a20365c7a960c12385e749aa8c"
	"43a50769ca2c8e702788ea4cae1071530a6cce2f91f35537ee4fb11375d6381a"
	"d13395f658ba1cfeb41678da3c9dffe198fa5cbd1f81e3847bdd3fa10364c6a8"
	"5fc12284e648aa4b42a40668c92b8d6f2688e94bad0f7112096bcd2f90f25436"
	"ed4fb01274d637d9d03294f657b91bfdb41577d93b9dfea097f95bbd1e80e244"
	"7bdc3ea00264c5675ec02283e547a90b42a30567c92a8c2e2587e94aac0e70d2"
	"096acc2e90f153f5ec4eb01173d53798cf3193f557b81abcb31576d83a9cfe5f"
	"96f85abc1e7fe1437adc3d9f0163c5265dbf2183e446a80a41a30466c82a8bed"
	"2486e84aab0d6fd10869cb2d8ff152b4eb4daf1172d43658cf3092f456b8197b"
	"b21476d7399bfd1f96f759bb1d7ee00279db3d9e0062c4e65dbe2082e445a7c9"
	"40a20465c7298bac2385e749ab0c6e900769ca2c8ef05273ea4cae1072d33557"
	"ce3091f355b7193ab11375d7389afc1e95f758ba1c7edfc178da3c9eff61c3e5"
	"5cbe1f81e345a6883fa10365c6288a6c2384e648aa0c6d4f0668ca2b8def5133"
	"ea4bad0f71d33416cd2f91f254b618fab11274d63899fbdd94f658b91b7ddf80"
	"77d93b9dff60c2a45bbd1e80e244a6473ea00264c627896b2284e547a90b6d0e"
	"0567c92b8cee5032e94bac0e70d233d5cc2e90f253b517f9b01273d53799fa9c"
	"93f557b91a7cde4077d83a9cfe60c1635abc1e7fe143a5073e9f0163c527882a"
	"2183e546a80a6cce0566c82a8ced4ff1e84aac0d6fd13394cb2d8ff153b416b8"
	"af1172d43698fa5b92f456b81a7bdd7f76d8399bfd5fc12259bb1d7fe042a406"
	"0000000098000000000000000000000001020000180000001800000021000000"
	"0600000018000000210000000600000018000000210000000600000018000000"
	"2100000006000000180000002100000006000000180000002100000006000000"
	"1800000021000000060000001800000021000000060000001800000021000000"
	"0600000008000000010000000600000008000000010000000000000098000000"
	"1300000000000000010a0000180000004175940bfa592717f33ebb2aec233e36"
	"e504c2059ee5541197cae8204faf7c2c48900f3801759307ba592613b33eaa26"
	"ac233d32a500c1015ee5530d56cae71c0faf7b2808900f38c1748203ba591613"
	"733aa922ac1f3d326400c03d5de5520916cae618cfae7a24c8930e0081740100"
	"7a550500333a08006b1f0c0024000f00",
	/* blocks of images of 20 bytes, LZ4 */
	"07010100280000000000000070000000000000000000000003010d0018000000"
	"030004000a000b0011001200180019001f002000260027002800000000000000"
	"0000000001000000000000000100000000000000010000000000000001000000"
	"0000000001000000000000000100000000000000000000000000000000000000"
	"0200000022000000480100000000000030000000de000000b402000000000000"
	"0e01000033000000740000001d000000b9696d616765206f6620300001000518"
	"003838363319000518003f3433311800020f3000053f38383730000209160007"
	"60003033393910000402000578002937323200051800343330382c0000020005"
	"1800293732da000618001f313000040f4800051f393000033032393670000402"
	"000560002f31353000032f33323801032f33396801032f35340801032f333818"
	"0003343134358c000002000590002f39367800031f32d800042f3431d800031f"
	"343801042f33306801033032343288000402000590002f35391800030aaf0106"
	"3000b03138370000000000000000d7696d616765206f66203236370001000518"
	"003736303317000718001f341800032f3932180003b031363300000000000000"
	"0000000000000000",
	/* dictionary of varlenas, nulls, zstd */
	"06010200280000000000000070000000000000000000000003010d0018000000"
	"030004000a000b0011001200180019001f002000260027002800000000000000"
	"0000000001000000000000000100000000000000010000000000000001000000"
	"0000000001000000000000000100000000000000000000001200000000000000"
	"0000000098000000000000000000000001050000180000000000000022010000"
	"2c010000ac010000e70000004900000049000000f10000000f0000000a000000"
	"0a0000000b0000000a0000000300000010000000080000000300000003000000"
	"0c0000000200000004000000110000000e000000060000000600000010000000"
	"0800000003000000050000000100000001000000010000000100000012000000"
	"68000000000000002000000047000000d3000000000000000000150200f81763"
	"7573746f6d65722d3032333839193130313336373832303133353738391100c0"
	"0830070c034680b9c020d80c1801e68061c08817834141b019d802f6f556bc00",
};

static const uint8_t trained[] = "{\"status\": \"open\", \"customer\": \"c-0\"}";

/* --- the values of each case --- */

typedef struct Case
{
	const char *name;
	EsColumnKind kind;
	uint32_t	n;
	EsEncoding	encoding;
	bool		dictionary;
	bool		is_uuid;
	bool		nulls;
	uint8_t		codec;
	bool		trained;
} Case;

static const Case cases[] = {
	{"frame, unit, nulls", {8, 8, true}, 40, ES_ENC_INTS, false, false, true, 0, false},
	{"line", {8, 8, true}, 70, ES_ENC_INTS, false, false, false, 0, false},
	{"runs", {4, 4, true}, 100, ES_ENC_INTS, false, false, false, 0, false},
	{"frame of 40 bits", {8, 8, true}, 40, ES_ENC_INTS, false, false, false, 0, false},
	{"constant integers", {1, 1, true}, 100, ES_ENC_INTS, false, false, false, 0, false},
	{"plain integers", {2, 2, true}, 3, ES_ENC_INTS_PLAIN, false, false, false, 0, false},
	{"nothing but nulls", {-1, 4, false}, 9, ES_ENC_NULLS, false, false, true, 0, false},
	{"one image, nulls", {-1, 4, false}, 40, ES_ENC_CONSTANT, false, false, true, 0, false},
	{"images of 6 bytes, nulls", {6, 2, false}, 7, ES_ENC_FIXED, false, false, true, 0, false},
	{"dictionary", {-2, 1, false}, 12, ES_ENC_DICTIONARY, true, false, false, 0, false},
	{"blocks, not compressed", {-1, 4, false}, 9, ES_ENC_BLOCKS, false, false, false, ES_CODEC_NONE, false},
	{"blocks, LZ4", {-2, 1, false}, 40, ES_ENC_BLOCKS, false, false, false, ES_CODEC_LZ4, false},
	{"blocks, zstd", {-2, 1, false}, 40, ES_ENC_BLOCKS, false, false, false, ES_CODEC_ZSTD, false},
	{"blocks, zstd, trained dictionary", {-2, 1, false}, 40, ES_ENC_BLOCKS, false, false, false, ES_CODEC_ZSTD, true},
	{"UUIDs of version 7", {16, 1, false}, 90, ES_ENC_UUID7, false, true, false, 0, false},
	{"blocks of images of 20 bytes, LZ4", {20, 8, false}, 40, ES_ENC_BLOCKS, false, false, true, ES_CODEC_LZ4, false},
	{"dictionary of varlenas, nulls, zstd", {-1, 4, false}, 40, ES_ENC_DICTIONARY, true, false, true, ES_CODEC_ZSTD, false},
};

#define NCASES (sizeof(cases) / sizeof(cases[0]))

static uint8_t isnull[MAX_ROWS];
static int64_t ints[MAX_ROWS];
static int64_t ms[MAX_ROWS];
static uint8_t bytes[MAX_ROWS][64] __attribute__((aligned(8)));
static EsImage images[MAX_ROWS];

/* A number that looks random. */
static uint32_t
scatter(uint32_t i)
{
	return (i * 2654435761u) ^ (i * 40503u >> 3);
}

static void
make_int(int c, uint32_t i)
{
	switch (c)
	{
		case 0:
			ints[i] = -60000000 * (int64_t) (scatter(i) % 50);
			break;
		case 1:
			ints[i] = INT64_C(750000000000000) + i * INT64_C(1000003) +
				scatter(i) % 13;
			break;
		case 2:
			ints[i] = (int32_t) scatter(i / 30);
			break;
		case 3:
			ints[i] = INT64_MIN + (int64_t) ((uint64_t) scatter(i) << 8 | i);
			break;
		case 4:
			ints[i] = -1;
			break;
		default:
			ints[i] = (int16_t) scatter(i);
	}
}

static void
make_image(int c, uint32_t i)
{
	char	   *text = (char *) bytes[i];
	uint32_t	header;

	images[i].data = bytes[i];
	switch (c)
	{
		case 6:
		case 7:
			images[i].len = 4;
			memcpy(text, "\011abc", 4);
			break;
		case 8:
			images[i].len = 6;
			memset(text, i + 1, 6);
			break;
		case 9:
			images[i].len = sprintf(text, "name %u", scatter(i) % 3) + 1;
			break;
		case 10:
			/* headers of 1 byte and of 4 by turns */
			images[i].len = i % 2 ? 3 : 9;
			header = 9 << 2;
			memcpy(text, &header, 4);
			memcpy(text + 4, "large", 5);
			if (i % 2)
				memcpy(text, "\007x\0", 3);
			break;
		case 14:
			for (int j = 0; j < 16; j++)
				bytes[i][j] = scatter(i * 16 + j) >> 24;
			ms[i] = INT64_C(1700000000000) + (int64_t) i * 5000000;
			for (int j = 0; j < 6; j++)
				bytes[i][j] = (uint8_t) ((ms[i] + i % 3) >> (40 - 8 * j));
			bytes[i][6] = 0x70 | (bytes[i][6] & 0x0F);
			bytes[i][8] = 0x80 | (bytes[i][8] & 0x3F);
			images[i].len = 16;
			break;
		case 15:
			images[i].len = 20;
			memset(text, 0, 20);
			sprintf(text, "image of %u", scatter(i) % 1000);
			break;
		case 16:
			images[i].len = sprintf(text + 1, "customer-%u", scatter(i) % 30) + 1;
			text[0] = images[i].len << 1 | 1;
			break;
		default:
			images[i].len = sprintf(text, "{\"status\": \"open\", \"customer\": \"c-%u\"}",
									scatter(i) % 100) + 1;
	}
}

static void
make_values(int c)
{
	for (uint32_t i = 0; i < cases[c].n; i++)
	{
		isnull[i] = cases[c].nulls && (i % 7 == 3 || c == 6);
		if (cases[c].kind.by_value)
			make_int(c, i);
		else
			make_image(c, i);
	}
}

static int	ntests = 0;
static int	nfailed = 0;
static bool broken;				/* a sound stream had a problem */
static volatile uint64_t sink;	/* so that images are read */

static void
check(bool good, const char *what)
{
	ntests++;
	if (!good)
		nfailed++;
	printf("%s %d - %s\n", good ? "ok" : "not ok", ntests, what);
}

/* --- what the codec is given --- */

static void *
plain_alloc(void *arg, size_t size)
{
	(void) arg;
	return malloc(size);
}

static void
plain_free(void *arg, void *chunk)
{
	(void) arg;
	free(chunk);
}

static const EsMemory memory = {plain_alloc, plain_free, NULL};

static bool
ms_of(void *arg, uint32_t row, int64_t *value)
{
	(void) arg;
	*value = ms[row];
	return true;
}

/* Only such varlenas as are made here. */
static size_t
varlena_step(const uint8_t *at, size_t *off, size_t end, uint8_t align)
{
	size_t		len;

	if (*off < end && at[*off] == 0)
		*off = (*off + align - 1) & ~(size_t) (align - 1);
	if (*off >= end)
		return 0;
	len = at[*off] & 1 ? at[*off] >> 1 : 9;
	return len <= end - *off ? len : 0;
}

static void
print_stream(int c)
{
	EsBytes		out = {NULL, 0, 0, &memory};
	EsColumnSummary summary = {0};
	EsColumnInput in = {0};

	in.kind = cases[c].kind;
	in.n = cases[c].n;
	in.isnull = isnull;
	in.ints = ints;
	in.images = images;
	in.dictionary = cases[c].dictionary;
	in.is_uuid = cases[c].is_uuid;
	in.ms = cases[c].is_uuid ? ms : NULL;
	in.codec = cases[c].codec;
	in.level = 3;
	in.block_bytes = cases[c].codec == ES_CODEC_NONE ? 40 : 700;
	in.trained = cases[c].trained ? trained : NULL;
	in.trained_len = sizeof(trained);
	es_column_encode(&out, &in, &summary);
	printf("/* %s: encoding %d */\n", cases[c].name, summary.encoding);
	for (size_t i = 0; i < out.len; i++)
		printf("%s%02x%s", i % 32 == 0 ? "\"" : "", out.data[i],
			   i % 32 == 31 && i + 1 < out.len ? "\"\n" : "");
	printf("\",\n");
	free(out.data);
}

static bool
read_stream(int c, const uint8_t *stream, size_t len)
{
	uint8_t    *copy = malloc(len);
	EsSource	source = {copy, len, NULL, NULL};
	EsColumnContext context = {memory, varlena_step, trained, sizeof(trained), ms_of, NULL};
	EsColumn   *column;
	bool		good = true;

	memcpy(copy, stream, len);
	if (es_column_open(&column, cases[c].kind, cases[c].n, &source, &context) != NULL)
	{
		free(copy);
		return false;
	}
	good = es_column_check(column) == NULL &&
		es_column_encoding(column) == cases[c].encoding;
	for (uint32_t i = 0; i < cases[c].n && good; i++)
	{
		const uint8_t *image;
		uint32_t	image_len;
		int64_t		value;
		bool		null;

		good = es_column_is_null(column, i, &null) == NULL && null == isnull[i];
		if (!good || null)
			continue;
		if (cases[c].kind.by_value)
			good = es_column_int(column, i, &value) == NULL && value == ints[i];
		else
			good = es_column_image(column, i, &image, &image_len) == NULL &&
				image_len == images[i].len &&
				memcmp(image, images[i].data, image_len) == 0;
	}
	es_column_close(column);
	free(copy);
	return good;
}

/*
 * Read all that there is to be had of a stream that was damaged; the sanitizers
 * look at how.
 */
static void
read_damaged(int c, const uint8_t *stream, size_t len)
{
	uint8_t    *copy = malloc(len);
	EsSource	source = {copy, len, NULL, NULL};
	EsColumnContext context = {memory, varlena_step, trained, sizeof(trained), ms_of, NULL};
	EsColumn   *column;
	int64_t		values[ES_VECTOR_ROWS];
	uint32_t	codes[ES_VECTOR_ROWS];
	uint8_t		null_flags[ES_VECTOR_ROWS];
	bool		any;
	bool		sound;

	memcpy(copy, stream, len);
	if (es_column_open(&column, cases[c].kind, cases[c].n, &source, &context) != NULL)
	{
		free(copy);
		return;
	}
	sound = es_column_check(column) == NULL;
	broken |= es_column_nulls_vector(column, 0, null_flags, &any) != NULL && sound;
	if (cases[c].kind.by_value)
		broken |= es_column_ints_vector(column, 0, values) != NULL && sound;
	if (es_column_encoding(column) == ES_ENC_DICTIONARY)
		broken |= es_column_codes_vector(column, 0, codes) != NULL && sound;
	for (uint32_t i = cases[c].n; i-- > 0;)
	{
		const uint8_t *image;
		uint32_t	image_len;
		const char *problem;
		bool		null = false;

		problem = es_column_is_null(column, i, &null);
		if (problem == NULL && cases[c].kind.by_value)
			problem = es_column_int(column, i, values);
		else if (problem == NULL && !null)
		{
			problem = es_column_image(column, i, &image, &image_len);
			for (uint32_t j = 0; problem == NULL && j < image_len; j++)
				sink += image[j];
		}
		broken |= problem != NULL && sound;
	}
	es_column_close(column);
	free(copy);
}

/*
 * Change each byte of a stream, and cut it at each.
 */
static bool
damage(int c, uint8_t *stream, size_t len)
{
	broken = false;
	for (size_t i = 0; i < len; i++)
	{
		uint8_t		was = stream[i];
		const uint8_t values[] = {0, 0xFF, was ^ 0x01, was ^ 0x80, was + 1, was - 1, was * 2};

		read_damaged(c, stream, i);
		for (size_t j = 0; j < sizeof(values); j++)
		{
			stream[i] = values[j];
			read_damaged(c, stream, len);
		}
		stream[i] = was;
	}
	return !broken;
}

static void
test_case(int c)
{
	static uint8_t stream[4096];
	const char *hex = streams[c];
	size_t		len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++)
	{
		char		digits[3] = {hex[i * 2], hex[i * 2 + 1], '\0'};

		stream[i] = (uint8_t) strtol(digits, NULL, 16);
	}
	check(read_stream(c, stream, len), cases[c].name);
	check(damage(c, stream, len), "... damaged in any byte");
}

int
main(int argc, char **argv)
{
	const uint16_t one = 1;
	bool		little_endian = *(const uint8_t *) &one == 1;

	(void) argv;
	for (int c = 0; c < (int) NCASES; c++)
	{
		make_values(c);
		if (argc > 1)
			print_stream(c);
		else if (little_endian)
			test_case(c);
	}
	if (argc == 1)
		printf("1..%d\n", ntests);
	return nfailed > 0;
}
