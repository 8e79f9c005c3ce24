/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_tags_test.c - tag sheets: ours, Kepware's, Neuron's; right and wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "conf_files.h"
#include "plant_kinds.h"

static struct files found;
static struct hf_plant *p;

static int
setup(void **state)
{
	found = (struct files){0};
	p = hf_plant_new();
	return p == NULL;
}

static int
teardown(void **state)
{
	hf_plant_free(p);
	return 0;
}

static int
read_tags(const char *text)
{
	return hf_tags_read(p, "dev", "t.csv", text, strlen(text),
	    files_finding, &found, &found.err);
}

static int
import(const char *text)
{
	return hf_tags_import(p, "dev", "t.csv", text, strlen(text),
	    files_finding, &found, &found.err);
}

static void
all_columns_are_read_in_any_order(void **state)
{
	const struct hf_tag *t;

	assert_int_equal(
	    read_tags("description,uns_path,range_hi,range_lo,unit,clamp,scale_"
		      "hi,scale_lo,"
		      "scale_raw_hi,scale_raw_lo,deadband,interval_ms,access,"
		      "order,type,address,"
		      "tag,device\n"
		      "\"a, "
		      "b\",area/l/m/"
		      "x,100,0,degC,true,95.5,-5,4095,0,2%,250,rw,CDAB,int32,"
		      "400001,x,other\n"),
	    HF_OK);
	assert_string_equal(found.text, "");
	assert_int_equal(p->ntag, 1);
	t = &p->tags[0];
	assert_string_equal(t->device, "other");
	assert_string_equal(t->name, "x");
	assert_string_equal(t->path, "area/l/m/x");
	assert_string_equal(t->address, "400001");
	assert_string_equal(t->description, "a, b");
	assert_int_equal(t->type, HF_T_I32);
	assert_int_equal(t->order, HF_CDAB);
	assert_true(t->writable && t->clamp && t->is_deadband_pct);
	assert_true(
	    t->deadband == 2 && t->scale_hi == 95.5 && t->raw_hi == 4095);
	assert_true(t->range_lo == 0 && t->range_hi == 100);
	assert_int_equal(t->interval_ns, 250000000);
}

static void
missing_optional_columns_take_their_defaults(void **state)
{
	const struct hf_tag *t;

	assert_int_equal(read_tags("tag,address,type\nx,40001,bool\n"), HF_OK);
	t = &p->tags[0];
	assert_string_equal(t->device, "dev");
	assert_int_equal(t->interval_ns, 1000000000);
	assert_int_equal(t->order, HF_ABCD);
	assert_false(t->writable);
	assert_true(t->deadband == 0 && isnan(t->raw_lo) && isnan(t->range_lo));
	assert_null(t->unit);
	assert_null(t->path);
}

static void
a_german_spreadsheet_is_read_with_decimal_commas(void **state)
{
	assert_int_equal(
	    read_tags("\xef\xbb\xbftag;address;type;deadband;unit;"
		      "description\r\n"
		      "druck;40001;float32;0,5;bar;\"zwei\r\nZeilen\"\r\n"),
	    HF_OK);
	assert_string_equal(found.text, "");
	assert_true(p->tags[0].deadband == 0.5);
	assert_string_equal(p->tags[0].description, "zwei\r\nZeilen");
	assert_int_equal(
	    read_tags("tag;address;type;deadband\nx;1;int16;0.5\n"), HF_EINVAL);
	assert_string_equal(found.text, "t.csv:2:11: deadband: \"0.5\" is not "
					"a number such as 1,5; in a file with "
					"';' the decimal sign is ','\n");
}

static void
the_quote_against_formulas_is_removed(void **state)
{
	assert_int_equal(read_tags("tag,address,type,unit,description\n"
				   "'-x,40001,int16,'=cmd(),'quoted'\n"),
	    HF_OK);
	assert_string_equal(p->tags[0].name, "-x");
	assert_string_equal(p->tags[0].unit, "=cmd()");
	assert_string_equal(p->tags[0].description, "'quoted'");
}

static void
each_wrong_cell_is_told_with_line_and_column(void **state)
{
	assert_int_equal(
	    read_tags("tag,address,type,order,access,interval_ms,deadband,"
		      "clamp,range_lo\n"
		      "ok,1,int16,,,,,,\n"
		      "a b,1,int16,,,,,,\n"
		      "x,,int17,ABDC,w,0.5,-1,maybe,1e999\n"
		      "y,1,int16,,,,,,5\n"
		      "z,1,int16,,,,,,,,extra\n"
		      "last,1,int16,,,,,,\n"),
	    HF_EINVAL);
	assert_string_equal(found.text,
	    "t.csv:3:1: tag: \"a b\" is not a name: 1 to 64 of A-Z a-z 0-9 _ "
	    "-\n"
	    "t.csv:4:3: address is empty, but required\n"
	    "t.csv:4:4: type: \"int17\" is not one of: bool int16 uint16 int32 "
	    "uint32 "
	    "int64 uint64 float32 float64 bcd16 bcd32 string; did you mean "
	    "\"int16\"?\n"
	    "t.csv:4:10: order: \"ABDC\" is not one of: ABCD CDAB BADC DCBA; "
	    "did you "
	    "mean \"ABCD\"?\n"
	    "t.csv:4:15: access: \"w\" is not r or rw\n"
	    "t.csv:4:17: interval_ms: \"0.5\" is not a whole number of "
	    "milliseconds, 1 "
	    "to 86400000\n"
	    "t.csv:4:21: deadband: \"-1\" is negative; 0 is off\n"
	    "t.csv:4:24: clamp: \"maybe\" is not true or false\n"
	    "t.csv:4:30: range_lo: \"1e999\" is not a number such as 1.5\n"
	    "t.csv:5:1: range needs both range_lo and range_hi; give both or "
	    "none\n"
	    "t.csv:6:18: cell without a column; check delimiters and quotes\n");
	assert_int_equal(p->ntag, 2); /* the good rows are there */
	assert_string_equal(found.err.msg, "11 errors in t.csv");
}

static void
a_wrong_header_line_says_what_to_do(void **state)
{
	assert_int_equal(read_tags("tag,adress,type\nx,1,int16\n"), HF_EINVAL);
	assert_string_equal(found.text,
	    "t.csv:1:1: there is no column \"address\", which is required; add "
	    "it to "
	    "the header line\n"
	    "t.csv:1:5: unknown column \"adress\", did you mean "
	    "\"address\"?\n");
	found.len = 0;
	assert_int_equal(read_tags("tag,tag,address,type\n"), HF_EINVAL);
	assert_string_equal(found.text,
	    "t.csv:1:5: column \"tag\" is given twice; remove one\n");
	found.len = 0;
	assert_int_equal(read_tags(""), HF_EINVAL);
	assert_string_equal(found.text,
	    "t.csv:1:1: the file is empty; begin with a header line such as "
	    "tag,address,type\n");
}

static void
rows_that_contradict_themselves_are_refused(void **state)
{
	assert_int_equal(
	    read_tags("tag,address,type,deadband,scale_raw_lo,scale_raw_hi,"
		      "scale_lo,scale_hi,clamp,range_lo,range_hi\n"
		      "a,1,int16,,0,1,,,,,\n"
		      "b,1,int16,,1,1,0,5,,,\n"
		      "c,1,bool,,0,1,0,5,,,\n"
		      "d,1,int16,,,,,,true,,\n"
		      "e,1,int16,2%,,,,,,,\n"
		      "f,1,int16,,,,,,,9,1\n"
		      "g,1,string,1,,,,,,,\n"),
	    HF_EINVAL);
	assert_int_equal(p->ntag, 0);
	assert_non_null(
	    strstr(found.text, "t.csv:2:1: scaling needs all four"));
	assert_non_null(
	    strstr(found.text, "t.csv:3:1: scale_raw_lo and scale_raw_hi"));
	assert_non_null(
	    strstr(found.text, "t.csv:4:1: scaling is for numbers"));
	assert_non_null(strstr(found.text, "t.csv:5:1: clamp cuts"));
	assert_non_null(
	    strstr(found.text, "t.csv:6:1: deadband in per cent needs"));
	assert_non_null(strstr(found.text, "t.csv:7:1: range_lo is not below"));
	assert_non_null(
	    strstr(found.text, "t.csv:8:1: deadband is for numbers"));
}

static void
what_is_written_reads_back_the_same_with_both_delimiters(void **state)
{
	static const char text[] =
	    "tag,address,type,access,interval_ms,deadband,scale_raw_lo,scale_"
	    "raw_hi,"
	    "scale_lo,scale_hi,unit,uns_path,description\n"
	    "-a,40001,int16,rw,20,0.1,-1.5,2.25,0,1e-9,=1+1,x/y/"
	    "-a,\"q\"\"uote;,\n2\"\n"
	    "b,40002,float64,,,3.5,,,,,,x/y/b,+plus\n";
	const char delims[] = {',', ';', '\t'};
	struct hf_plant *q;
	struct hf_buf b, c;
	size_t i;

	assert_int_equal(read_tags(text), HF_OK);
	for (i = 0; i < 3; i++) {
		q = hf_plant_new();
		hf_buf_init(&b, 1 << 20);
		hf_buf_init(&c, 1 << 20);
		assert_int_equal(
		    hf_tags_write(p, NULL, delims[i], &b, NULL), HF_OK);
		assert_int_equal(
		    hf_tags_read(q, NULL, "u.csv", (const char *)b.p, b.len,
			files_finding, &found, NULL),
		    HF_OK);
		assert_string_equal(found.text, "");
		assert_int_equal(q->ntag, 2);
		assert_string_equal(q->tags[0].unit, "=1+1");
		assert_string_equal(q->tags[0].description, "q\"uote;,\n2");
		assert_true(q->tags[0].scale_hi == 1e-9);
		assert_int_equal(
		    hf_tags_write(q, NULL, delims[i], &c, NULL), HF_OK);
		assert_string_equal(hf_buf_cstr(&b), hf_buf_cstr(&c));
		hf_buf_fini(&b);
		hf_buf_fini(&c);
		hf_plant_free(q);
	}
}

static void
no_written_cell_begins_a_formula(void **state)
{
	struct hf_buf b;

	assert_int_equal(read_tags("tag,address,type,unit,description\n"
				   "a,40001,int16,'=1,'@x\n"),
	    HF_OK);
	hf_buf_init(&b, 1 << 20);
	assert_int_equal(hf_tags_write(p, NULL, ',', &b, NULL), HF_OK);
	assert_null(strstr(hf_buf_cstr(&b), ",=1"));
	assert_non_null(strstr(hf_buf_cstr(&b), ",'=1"));
	assert_null(strstr(hf_buf_cstr(&b), ",@x"));
	hf_buf_fini(&b);
}

static void
a_kepware_sheet_is_recognised_and_converted(void **state)
{
	static const char text[] =
	    "Tag Name,Address,Data Type,Respect Data Type,Client Access,Scan "
	    "Rate,"
	    "Scaling,Raw Low,Raw High,Scaled Low,Scaled High,Scaled Data "
	    "Type,Clamp Low,"
	    "Clamp High,Eng Units,Description,Negate Value\n"
	    "\"Temp\",\"400001\",Word,1,RO,100,Linear,0,1000,0,100,Double,Yes,"
	    "Yes,"
	    "\"degC\",\"oil\",No\n"
	    "\"Group.Speed "
	    "1\",\"300003\",Float,1,R/W,250,None,0,1000,0,1000,Double,"
	    "No,No,,,No\n";
	const struct hf_tag *t;

	assert_int_equal(hf_tags_sheet(text, strlen(text)), HF_SHEET_KEPWARE);
	assert_int_equal(import(text), HF_OK);
	assert_int_equal(p->ntag, 2);
	t = p->tags;
	assert_int_equal(t[0].type, HF_T_U16);
	assert_true(t[0].raw_hi == 1000 && t[0].scale_hi == 100 && t[0].clamp);
	assert_int_equal(t[0].interval_ns, 100000000);
	assert_string_equal(t[0].unit, "degC");
	assert_string_equal(t[1].name, "Group_Speed_1");
	assert_true(t[1].writable && isnan(t[1].raw_lo));
	assert_int_equal(t[1].type, HF_T_F32);
	assert_non_null(
	    strstr(found.text, "t.csv:3:1: warning: Group_Speed_1: the name "
			       "held other characters"));
}

static void
a_neuron_sheet_is_recognised_and_converted(void **state)
{
	static const char text[] =
	    "group,name,address,attribute,type,description,decimal,precision\n"
	    "g1,temp,1!400001#BB,Read Subscribe,FLOAT,oil,,\n"
	    "g1,bit,1!400003.15,3,BIT,,,\n"
	    "g1,text,1!400010.10H,Read,STRING,,,\n"
	    "g1,fine,1!400020,1,INT16,,0.1,\n"
	    "g1,secret,1!400021,Write,INT16,,,\n";
	const struct hf_tag *t;

	assert_int_equal(hf_tags_sheet(text, strlen(text)), HF_SHEET_NEURON);
	assert_int_equal(import(text), HF_EINVAL);
	assert_string_equal(found.text,
	    "t.csv:6:20: attribute: \"Write\" cannot be "
	    "read; only tags that can be read are taken\n");
	assert_int_equal(p->ntag, 4);
	t = p->tags;
	assert_string_equal(t[0].address, "1!400001");
	assert_int_equal(t[0].order, HF_CDAB);
	assert_string_equal(t[1].address, "1!400003.15");
	assert_true(t[1].writable);
	assert_string_equal(t[2].address, "1!400010.10H");
	assert_true(t[3].raw_hi == 1 && t[3].scale_hi == 0.1);
}

static void
what_a_foreign_sheet_means_but_we_cannot_is_an_error(void **state)
{
	assert_int_equal(
	    import("Tag Name,Address,Data Type,Scaling,Clamp Low,Clamp High,"
		   "Negate Value,Client Access\n"
		   "a,400001,Char,,,,,\n"
		   "b,400001,Word,Square Root,,,,\n"
		   "c,400001,Word,Linear,Yes,No,,\n"
		   "d,400001,Word,,,,Yes,\n"
		   "e,400001,Word,,,,,WO\n"),
	    HF_EINVAL);
	assert_int_equal(p->ntag, 0);
	assert_int_equal(found.err.rc, HF_EINVAL);
	assert_non_null(
	    strstr(found.text, "t.csv:2:10: Data Type: \"Char\" has no"));
	assert_non_null(
	    strstr(found.text, "t.csv:3:15: Scaling: scaling \"Square"));
	assert_non_null(strstr(found.text, "t.csv:4:1: clamping at one end"));
	assert_non_null(
	    strstr(found.text, "t.csv:5:18: Negate Value: a negated"));
	assert_non_null(
	    strstr(found.text, "t.csv:6:19: Client Access: \"WO\""));
}

static void
a_foreign_sheet_as_tag_file_is_told_how_to_convert(void **state)
{
	assert_int_equal(read_tags("Tag Name,Address,Data Type\n"), HF_EINVAL);
	assert_string_equal(found.text, "t.csv:1:1: this is a sheet of another "
					"program (kepware); `holdfast tags "
					"import` converts it\n");
}

/* Files of a plant: who may stand in whose file, and duplicates with their
 * place. */
static void
load_with(const char *tags, const char *want)
{
	struct hf_plant *q;

	files_put(&found, "tags/press.csv", tags);
	q = files_load(&found, &test_registry);
	assert_null(q);
	if (strstr(found.text, want) == NULL)
		print_error("wanted: %s\ngot:\n%s", want, found.text);
	assert_non_null(strstr(found.text, want));
}

static void
a_plants_tag_files_are_checked_as_a_whole(void **state)
{
	files_open(&found);
	files_put(&found, "plant.yaml", TEST_HEAD TEST_DEVICE TEST_TAIL);
	load_with("tag,address,type\na,1,int16\nb,2,int16\na,3,int16\n",
	    "tags/press.csv:4:1: tag \"a\" is given twice for device "
	    "\"press7\"; remove "
	    "or rename one\n");
	load_with("tag,address,type,uns_path\na,1,int16,x/y\nb,2,int16,x/y\n",
	    "tags/press.csv:3:1: path \"x/y\" is already that of tag \"a\" of "
	    "device "
	    "\"press7\"; give one of them another uns_path\n");
	load_with("tag,address,type,uns_path\na,1,int16,x//y\n",
	    "tags/press.csv:2:11: uns_path: \"x//y\" is not a path");
	load_with("device,tag,address,type\npress8,a,1,int16\n",
	    "tags/press.csv:2:1: device: device \"press8\" is not defined "
	    "under "
	    "devices:; this file is that of \"press7\"\n");
	load_with(
	    "tag,address,type\na,1,int16\n\"b,2\n", "tags/press.csv:3:1: ");
	files_close(&found);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(all_columns_are_read_in_any_order),
	    T(missing_optional_columns_take_their_defaults),
	    T(a_german_spreadsheet_is_read_with_decimal_commas),
	    T(the_quote_against_formulas_is_removed),
	    T(each_wrong_cell_is_told_with_line_and_column),
	    T(a_wrong_header_line_says_what_to_do),
	    T(rows_that_contradict_themselves_are_refused),
	    T(what_is_written_reads_back_the_same_with_both_delimiters),
	    T(no_written_cell_begins_a_formula),
	    T(a_kepware_sheet_is_recognised_and_converted),
	    T(a_neuron_sheet_is_recognised_and_converted),
	    T(what_a_foreign_sheet_means_but_we_cannot_is_an_error),
	    T(a_foreign_sheet_as_tag_file_is_told_how_to_convert),
	    T(a_plants_tag_files_are_checked_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
