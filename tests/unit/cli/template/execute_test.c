/* Golden pairs of formats and outputs. Those of `ps` rows were printed by podman 4.3.1 (go1.19.8) for the same rows. */
#include "tests/unit/cli/expect.h"

#include "base/json.h"
#include "base/mem.h"
#include "cli/template/template.h"

/* --- rows as `ps` has them */

struct row {
    const char *name, *image, *status, *labels, *mounts;
    int pid;
};
static const struct row rows[] = {
    {"t1", "localhost/bb:latest", "Up", "{\"a\":\"b\",\"k2\":\"v2\",\"k\":\"v\"}", "[\"/x\",\"/data\"]", 5915},
    {"t2", "localhost/bb:latest", "Exited (3)", "{\"a\":\"b\"}", "[]", 0},
};

static struct err *get_names(const void *p, json_t **ret)
{
    *ret = json_string(((const struct row *)p)->name);
    return *ret ? NULL : err_oom();
}

static struct err *get_image(const void *p, json_t **ret)
{
    *ret = json_string(((const struct row *)p)->image);
    return *ret ? NULL : err_oom();
}

static struct err *get_pid(const void *p, json_t **ret)
{
    *ret = json_integer(((const struct row *)p)->pid);
    return *ret ? NULL : err_oom();
}

static struct err *get_labels(const void *p, json_t **ret)
{
    const char *text = ((const struct row *)p)->labels;
    return json_parse(text, strlen(text), "labels", ret);
}

static struct err *get_mounts(const void *p, json_t **ret)
{
    const char *text = ((const struct row *)p)->mounts;
    return json_parse(text, strlen(text), "mounts", ret);
}

static struct err *get_created(const void *p, json_t **ret)
{
    (void)p;
    *ret = json_string("2026-11-22T03:48:39.204660966Z");
    return *ret ? NULL : err_oom();
}

static struct err *get_ports(const void *p, json_t **ret)
{
    (void)p;
    *ret = json_string("");
    return *ret ? NULL : err_oom();
}

static struct err *call_label(const void *p, const char *name, json_t **ret)
{
    AUTO_JSON json_t *labels = NULL;
    TRY(get_labels(p, &labels));
    const char *value = json_string_value(json_object_get(labels, name));
    *ret = json_string(value ? value : "");
    return *ret ? NULL : err_oom();
}

static struct err *get_broken(const void *p, json_t **ret)
{
    (void)p, (void)ret;
    return ERR_NEW(ERR_NOT_FOUND, "gone");
}

static const struct template_field fields[] = {
    {"Names", NULL, get_names, NULL},   {"Image", NULL, get_image, NULL},
    {"Pid", NULL, get_pid, NULL},       {"Labels", NULL, get_labels, NULL},
    {"Mounts", NULL, get_mounts, NULL}, {"Created", NULL, get_created, NULL},
    {"Ports", NULL, get_ports, NULL},   {"Label", NULL, NULL, call_label},
    {"Broken", NULL, get_broken, NULL}, {0},
};
static const struct template_class row_class = {.type_name = "containers.psReporter", .fields = fields};
static const struct template_member members[] = {
    {"Labels", TEMPLATE_MAP, NULL},
    {"Created", TEMPLATE_TIME, NULL},
    {"Mounts", TEMPLATE_LIST, NULL},
    {"State", TEMPLATE_STRUCT, "*define.InspectContainerState"},
    {"Annotations", TEMPLATE_MAP, NULL},
    {"Gone", TEMPLATE_TEXT, NULL, "Gone", "*define.InspectContainerState"},
    {"None", TEMPLATE_TEXT, NULL, "none"},
    {"Count", TEMPLATE_NUMBER, NULL, "count"},
    {"No", TEMPLATE_FALSE, NULL, "no"},
    {"Tags", TEMPLATE_MAP, NULL, "tags"},
    {0},
};

/* Output, and the error's text behind "!" when there is one; heap. */
static char *run_rows(const char *format)
{
    const void *const all[] = {&rows[0], &rows[1]};
    const struct template_data data = {.members = members, .rows_class = &row_class, .rows = all, .n_rows = 2};
    AUTO_STRBUF struct strbuf out = STRBUF_INIT, text = STRBUF_INIT;
    AUTO_TEMPLATE struct template *t = NULL;
    expect_success(strbuf_printf(&text, "{{range .}}%s\n{{end -}}", format));
    struct err *e = template_parse("ps", strbuf_str(&text), &t);
    if (!e)
        e = template_execute(t, &data, &out);
    if (e)
        expect_success(strbuf_printf(&out, "!%s", err_text(e)));
    err_free(e);
    char *result;
    expect_success(strbuf_take(&out, &result));
    return result;
}

struct pair {
    const char *format, *expected; /* behind "!": the error */
};

static void check_pairs(const struct pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *out = run_rows(pairs[i].format);
        if (strcmp(out, pairs[i].expected) != 0)
            fail_msg("%s\ngave     %s\nexpected %s", pairs[i].format, out, pairs[i].expected);
    }
}
#define CHECK(pairs) check_pairs(pairs, ARRAY_LEN(pairs))

static void test_fields(void **state)
{
    static const struct pair pairs[] = {
        {"{{.Names}}", "t1\nt2\n"},
        {"{{.Mounts}}", "[/x /data]\n[]\n"},
        {"{{.Labels}}", "map[a:b k:v k2:v2]\nmap[a:b]\n"},
        {"{{.Created}}", "2026-11-22 03:48:39.204660966 +0000 UTC\n2026-11-22 03:48:39.204660966 +0000 UTC\n"},
        {"{{json .Created}}", "\"2026-11-22T03:48:39.204660966Z\"\n\"2026-11-22T03:48:39.204660966Z\"\n"},
        {"{{.Labels.a}} {{.Labels.x}} {{index .Labels \"a\"}}{{index .Labels \"x\"}}",
         "b <no value> b\nb <no value> b\n"},
        {"{{json .Labels}} {{json .Mounts}} {{json .Pid}} {{json .Ports}}",
         "{\"a\":\"b\",\"k\":\"v\",\"k2\":\"v2\"} [\"/x\",\"/data\"] 5915 \"\"\n{\"a\":\"b\"} [] 0 \"\"\n"},
        {"{{.Label \"k\"}}|{{.Label \"none\"}}", "v|\n|\n"},
        {"{{\"k\" | .Label}}", "v\n\n"},
        {"table", "table\ntable\n"},
        {"", "\n\n"},
    };
    (void)state;
    CHECK(pairs);
}

static void test_control(void **state)
{
    static const struct pair pairs[] = {
        {"{{range $i,$e := .Mounts}}{{$i}}={{$e}};{{end}}", "0=/x;1=/data;\n\n"},
        {"{{range .Mounts}}{{.}}{{else}}none{{end}}", "/x/data\nnone\n"},
        {"{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}", "a=b k=v k2=v2 \na=b \n"},
        {"{{if eq .Names \"t1\"}}R{{else if eq .Pid 0}}E{{else}}?{{end}} {{len .Names}}", "R 2\nE 2\n"},
        {"{{if .Pid}}up{{else}}down{{end}}", "up\ndown\n"},
        {"{{with .Ports}}p{{else}}none{{end}}", "none\nnone\n"},
        {"{{$n := .Names}}{{with .Image}}{{.}} {{$n}}{{end}}", "localhost/bb:latest t1\nlocalhost/bb:latest t2\n"},
        {"{{$n := 1}}{{if .Pid}}{{$n = 2}}{{end}}{{$n}}", "2\n1\n"},
        {"{{range .Mounts}}{{if eq . \"/data\"}}{{continue}}{{end}}{{.}}{{end}}", "/x\n\n"},
        {"{{range .Mounts}}{{.}}{{break}}{{end}}", "/x\n\n"},
        {"{{break}}", ""},
        {"{{range .}}{{end}}", "!a row of containers.psReporter has no text of its own: name a field"},
        {"{{range .Names}}x{{end}}", "!template: ps:1:19: executing \"ps\" at <.Names>: range can't iterate over t1"},
    };
    (void)state;
    CHECK(pairs);
}

static void test_trim_and_comments(void **state)
{
    static const struct pair pairs[] = {
        {"{{- /* c */ -}} {{- .Names -}} x", "t1x\nt2x\n"},
        {"{{.Names -}}", "t1t2"},
        {"a {{- \"b\" }} c", "ab c\nab c\n"},
        {"{{/* a comment */}}x", "x\nx\n"},
        {"{{.Names | }}", "t1\nt2\n"},
    };
    (void)state;
    CHECK(pairs);
}

static void test_pipelines(void **state)
{
    static const struct pair pairs[] = {
        {"{{.Names | upper | printf \"%q\"}} {{join (split .Image \":\") \"/\"}} {{truncate .Image 4}} {{pad .Names 2 "
         "3}}| "
         "{{title \"hello world\"}} {{slice .Image 0 4}} {{println .Names}}",
         "\"T1\" localhost/bb/latest loca   t1   | Hello World loca t1\n\n"
         "\"T2\" localhost/bb/latest loca   t2   | Hello World loca t2\n\n"},
        {"{{.Mounts | len | printf \"%03d\"}}", "002\n000\n"},
        {"{{(index .Mounts 0)}}", "/x\n!template: ps:1:14: executing \"ps\" at <index .Mounts 0>: error calling index: "
                                  "reflect: slice index out of range"},
        {"{{not true}} {{and 1 0}} {{or 0 \"x\"}} {{lt 1 2}} {{eq .Pid 0 1}} {{html \"<a>\"}} {{js \"it's\"}} "
         "{{urlquery \"a b&c\"}} {{1.5}} {{1e3}} {{0x10}}",
         "false 0 x true false &lt;a&gt; it\\'s a+b%26c 1.5 1000 16\nfalse 0 x true true &lt;a&gt; it\\'s a+b%26c 1.5 "
         "1000 "
         "16\n"},
        {"{{1.5}} {{1e3}} {{0x10}} {{\"a\\tb\"}} {{`raw`}} {{'a'}} {{print 1 2 \"x\" 3}}",
         "1.5 1000 16 a\tb raw 97 1 2x3\n1.5 "
         "1000 16 a\tb raw 97 1 2x3\n"},
        {"{{\"\\u00e9\"}}{{upper \"é\"}}{{len \"é\"}}{{title \"é\"}}", "éÉ2É\néÉ2É\n"},
    };
    (void)state;
    CHECK(pairs);
}

static void test_errors(void **state)
{
    static const struct pair pairs[] = {
        {"{{.Foo}}", "!template: ps:1:13: executing \"ps\" at <.Foo>: can't evaluate field Foo in type "
                     "containers.psReporter"},
        {"{{.Names.Foo}}",
         "!template: ps:1:19: executing \"ps\" at <.Names.Foo>: can't evaluate field Foo in type string"},
        {"{{.Labels.a.b}}",
         "!template: ps:1:20: executing \"ps\" at <.Labels.a.b>: can't evaluate field b in type string"},
        {"{{with .Image}}{{$.Foo}}{{end}}",
         "!template: ps:1:29: executing \"ps\" at <$.Foo>: can't evaluate field Foo in "
         "type []containers.psReporter"},
        {"{{eq 1 \"x\"}}",
         "!template: ps:1:13: executing \"ps\" at <eq 1 \"x\">: error calling eq: incompatible types for "
         "comparison"},
        {"{{index .Mounts 5}}",
         "!template: ps:1:13: executing \"ps\" at <index .Mounts 5>: error calling index: index out "
         "of range: 5"},
        {"{{len 5}}", "!template: ps:1:13: executing \"ps\" at <len 5>: error calling len: len of type int"},
        {"{{nil}}", "!template: ps:1:13: executing \"ps\" at <nil>: nil is not a command"},
        {"{{1 2}}", "!template: ps:1:13: executing \"ps\" at <1>: can't give argument to non-function 1"},
        {"{{.Names 1}}",
         "!template: ps:1:13: executing \"ps\" at <.Names>: wrong number of args for Names: want 0 got 1"},
        {"{{.Broken}}", "!template: ps:1:13: executing \"ps\" at <.Broken>: gone"},
        {"{{lower .Pid}}", "!template: ps:1:13: executing \"ps\" at <lower .Pid>: error calling lower: wrong type for "
                           "value; expected string; got int"},
        {"{{pad .Names 1 100000000}}",
         "!template: ps:1:13: executing \"ps\" at <pad .Names 1 100000000>: error calling "
         "pad: padding out of range"},
    };
    (void)state;
    CHECK(pairs);
}

/* --- one JSON document, as inspect has */

static const char document[] =
    "{\"Id\":\"abc\",\"State\":{\"Status\":\"exited\",\"Running\":false,\"Pid\":0,\"Error\":\"\","
    "\"StartedAt\":\"0001-01-01T00:00:00Z\",\"Health\":null},\"Labels\":null,\"Mounts\":null,\"Entrypoint\":null,"
    "\"Size\":1997926,\"Ratio\":0.5,\"Big\":1e21,\"Annotations\":{\"z\":\"1\",\"a\":\"2\"},\"Args\":[\"-c\",\"echo "
    "<x>\"]}";

static void check_document(const char *format, const char *expected)
{
    AUTO_JSON json_t *json = NULL;
    AUTO_TEMPLATE struct template *t = NULL;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    expect_success(json_parse(document, sizeof document - 1, "document", &json));
    const struct template_data data = {.json = json, .members = members, .type_name = "*define.Info"};
    struct err *e = template_parse("info", format, &t);
    if (!e)
        e = template_execute(t, &data, &out);
    if (e)
        expect_success(strbuf_printf(&out, "!%s", err_text(e)));
    err_free(e);
    if (strcmp(strbuf_str(&out), expected) != 0)
        fail_msg("%s\ngave     %s\nexpected %s", format, strbuf_str(&out), expected);
}

static void test_document(void **state)
{
    (void)state;
    check_document("{{.State.Status}} {{.State.Running}} {{.Size}}", "exited false 1997926");
    check_document("{{.State}}", "{exited false 0  0001-01-01T00:00:00Z <nil>}");
    check_document("{{.Labels}}{{.Mounts}}{{.Entrypoint}}{{.Labels.x}}", "map[][]<nil><no value>");
    check_document("{{json .State}}", "{\"Status\":\"exited\",\"Running\":false,\"Pid\":0,\"Error\":\"\",\"StartedAt\":"
                                      "\"0001-01-01T00:00:00Z\",\"Health\":null}");
    check_document("{{json .Annotations}} {{json .Args}}", "{\"a\":\"2\",\"z\":\"1\"} [\"-c\",\"echo <x>\"]");
    check_document("{{.Ratio}} {{.Big}}", "0.5 1e+21");
    check_document("{{len .Args}} {{index .Args 1}} {{slice .Args 1}} {{join .Args \",\"}}",
                   "2 echo <x> [echo <x>] -c,echo <x>");
    check_document("{{.State.Foo}}",
                   "!template: info:1:8: executing \"info\" at <.State.Foo>: can't evaluate field Foo in "
                   "type *define.InspectContainerState");
    check_document("{{.host}}", "!template: info:1:2: executing \"info\" at <.host>: can't evaluate field host in type "
                                "*define.Info");
    check_document("{{.Entrypoint.X}}", "!template: info:1:13: executing \"info\" at <.Entrypoint.X>: nil pointer "
                                        "evaluating interface {}.X");
    check_document("{{if and .State.Running (gt .Size 0)}}a{{else}}b{{end}}", "b");
    check_document("{{if or .State.Running (ge .Size 1997926)}}a{{end}}{{if le 2 1}}c{{end}}{{if ne 1 2}}d{{end}}",
                   "ad");
    check_document("<{{.State.Gone}}{{.State.None}}> {{.State.Count}} {{.State.No}} {{len .State.Tags}}{{.State.Tags}}",
                   "<> 0 false 0map[]");
    check_document("{{.Gone}}", "!template: info:1:2: executing \"info\" at <.Gone>: can't evaluate field Gone in type "
                                "*define.Info"); /* of another struct */
    check_document("{{define \"T\"}}<{{.}}>{{end}}{{template \"T\" .Id}}{{template \"T\" .Size}}{{template \"T\"}}",
                   "<abc><1997926><<no value>>");
    check_document("{{$x := 1}}{{range .Args}}{{block \"B\" .}}[{{$}}]{{end}}{{end}}{{$x}}{{template \"B\" 7}}",
                   "[-c][echo <x>]1[7]");
    check_document("{{template \"T\" .State}}{{define \"T\"}}{{$s := .Status}}{{$s}} {{$.Running}}{{end}}",
                   "exited false");
    check_document("{{define \"T\"}} {{end}}{{define \"T\"}}b{{end}}{{define `T`}}{{end}}{{template \"T\" .}}", "b");
    check_document("{{template \"T\"}}",
                   "!template: info:1:11: executing \"info\" at <{{template \"T\"}}>: template \"T\" not defined");
    check_document("{{define \"T\"}}{{.Foo}}{{end}}{{template \"T\" .State}}",
                   "!template: info:1:16: executing \"T\" at <.Foo>: can't evaluate field Foo in type "
                   "*define.InspectContainerState");
    check_document("{{define \"T\"}}x{{template \"T\" .}}{{end}}{{with .Id}}{{end}}", "");
    check_document(
        "{{call .Id}}",
        "!template: info:1:2: executing \"info\" at <call .Id>: error calling call: non-function of type string");
    check_document("{{(index .Args 0) | printf \"%s|%5s|%-5s|\" \"x\" \"y\"}}", "x|    y|-c   |");
}

/* --- limits */

static void test_calls_are_limited(void **state)
{
    AUTO_JSON json_t *json = json_integer(1);
    const struct template_data data = {.json = json};
    AUTO_TEMPLATE struct template *t = NULL;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    (void)state;
    expect_success(template_parse("x", "{{define \"T\"}}x{{template \"T\" .}}{{end}}{{template \"T\" .}}", &t));
    expect_error(template_execute(t, &data, &out), ERR_INVALID,
                 "template: x:1:26: executing \"T\" at <{{template \"T\" .}}>: exceeded maximum template depth (100)");
    assert_int_equal(out.len, 100);
}

static void test_steps_are_limited(void **state)
{
    (void)state;
    AUTO_JSON json_t *list = json_array();
    for (int i = 0; i < 400; i++)
        expect_success(json_push(list, json_integer(i)));
    const struct template_data data = {.json = list};
    AUTO_TEMPLATE struct template *t = NULL;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    expect_success(template_parse("x",
                                  "{{range $a := .}}{{range $b := $}}{{range $c := $}}{{range $d := $}}{{end}}{{end}}"
                                  "{{end}}{{end}}",
                                  &t));
    struct err *e = template_execute(t, &data, &out);
    assert_non_null(e);
    assert_non_null(strstr(err_text(e), "too many steps"));
    err_free(e);
}

static void test_output_is_limited(void **state)
{
    (void)state;
    AUTO_JSON json_t *list = json_array();
    for (int i = 0; i < 200; i++)
        expect_success(json_push(list, json_integer(i)));
    const struct template_data data = {.json = list};
    AUTO_TEMPLATE struct template *t = NULL;
    AUTO_STRBUF struct strbuf out = {.max = 1000};
    expect_success(template_parse("x", "{{range .}}0123456789{{end}}", &t));
    struct err *e = template_execute(t, &data, &out);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_NO_SPACE);
    err_free(e);
}

static void test_uses(void **state)
{
    (void)state;
    AUTO_TEMPLATE struct template *t = NULL;
    expect_success(template_parse("x", "{{range .}}{{with $r := .}}{{$r.Size}}{{(.Foo).Bar}}{{end}}{{end}}", &t));
    assert_true(template_uses(t, "Size"));
    assert_true(template_uses(t, "Bar"));
    assert_true(template_uses(t, "Foo"));
    assert_false(template_uses(t, "Labels"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_pipelines),
        cmocka_unit_test(test_trim_and_comments),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_steps_are_limited),
        cmocka_unit_test(test_calls_are_limited),
        cmocka_unit_test(test_output_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
