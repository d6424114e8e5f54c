/* completion (the shells' scripts), __complete (what they ask) and help. */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/verbs.h"

/* --- __complete WORD... */

static struct err *complete_verb(struct cli *c, void *opts, int *exit_code)
{
    struct complete_place place;
    (void)opts, (void)exit_code;
    if (!c->n_args)
        return ERR_NEW(ERR_INVALID, "needs the words of a command line");
    complete_place(c, c->args, c->n_args - 1, &place);
    return complete_word(c, &place, c->args[c->n_args - 1], &c->out);
}

const struct cli_verb cli_verb_complete = {
    .paths = "__complete",
    .synopsis = "WORD [WORD...]",
    .summary = "Candidates for the last word of a command line",
    .opts_size = 1,
    .max_args = -1,
    .traits = CLI_HIDDEN | CLI_RAW,
    .run = complete_verb,
};

/* --- the scripts */

static const char bash_script[] =
    "# bash completion for " CLI_PROGRAM "                                  -*- shell-script -*-\n"
    "_" CLI_PROGRAM "()\n"
    "{\n"
    "    local cur words cword line value directive=''\n"
    "    if declare -F _get_comp_words_by_ref >/dev/null; then\n"
    "        _get_comp_words_by_ref -n '=:' cur words cword\n"
    "    else\n"
    "        words=(\"${COMP_WORDS[@]}\") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]}\n"
    "    fi\n"
    "    COMPREPLY=()\n"
    "    while IFS='' read -r line; do\n"
    "        case $line in\n"
    "        :file|:dir) directive=$line ;;\n"
    "        *) value=${line%%$'\\t'*}\n"
    "           COMPREPLY+=(\"$(printf '%q' \"$value\")\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[0]}\" __complete \"${words[@]:1:cword}\" 2>/dev/null)\n"
    "    local path=${cur#--*=}\n"
    "    case $directive in\n"
    "    :file|:dir)\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        while IFS='' read -r line; do COMPREPLY+=(\"$line\"); done < <(compgen -\"${directive:1:1}\" -- "
    "\"$path\") ;;\n"
    "    esac\n"
    "    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi\n"
    "    if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions \"$cur\"; fi\n"
    "}\n"
    "complete -F _" CLI_PROGRAM " " CLI_PROGRAM "\n";

static const char zsh_script[] = "#compdef " CLI_PROGRAM "\n"
                                 "_" CLI_PROGRAM "()\n"
                                 "{\n"
                                 "    local -a candidates\n"
                                 "    local line directive=''\n"
                                 "    while IFS='' read -r line; do\n"
                                 "        case $line in\n"
                                 "        :file|:dir) directive=$line ;;\n"
                                 "        *$'\\t'*) candidates+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
                                 "        *) candidates+=(\"${line//:/\\\\:}\") ;;\n"
                                 "        esac\n"
                                 "    done < <(\"${words[1]}\" __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
                                 "    [[ -n $candidates ]] && _describe -V " CLI_PROGRAM " candidates\n"
                                 "    case $directive in\n"
                                 "    :file) _files ;;\n"
                                 "    :dir) _files -/ ;;\n"
                                 "    esac\n"
                                 "}\n"
                                 "compdef _" CLI_PROGRAM " " CLI_PROGRAM "\n";

static const char fish_script[] =
    "# fish completion for " CLI_PROGRAM "\n"
    "function __" CLI_PROGRAM "_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l current (commandline -ct)\n"
    "    for line in (" CLI_PROGRAM " __complete $words[2..-1] \"$current\" 2>/dev/null)\n"
    "        switch $line\n"
    "            case ':file'\n"
    "                __fish_complete_path \"$current\"\n"
    "            case ':dir'\n"
    "                __fish_complete_directories \"$current\"\n"
    "            case '*'\n"
    "                echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c " CLI_PROGRAM " -f -a '(__" CLI_PROGRAM "_complete)'\n";

struct completion_opts {
    bool no_descriptions;
    const char *file;
};

static const struct cli_flag completion_flags[] = {
    {"file", 'f', CLI_STRING, CLI_COMPLETE_FILE, .offset = offsetof(struct completion_opts, file),
     .help = "Output the completion to file rather than stdout."},
    {"no-desc", 0, CLI_BOOL, .offset = offsetof(struct completion_opts, no_descriptions),
     .help = "Don't include descriptions in the completion output."},
    {0},
};

/* Without descriptions the scripts cut them off. */
static struct err *script_text(const char *script, bool descriptions, struct strbuf *out)
{
    static const char call[] = "__complete ";
    if (descriptions)
        return strbuf_puts(out, script);
    const char *end = strstr(script, "2>/dev/null)");
    if (!strstr(script, call) || !end)
        return ERR_NEW(ERR_INTERNAL, "completion script without a call");
    TRY(strbuf_add(out, script, (size_t)(end - script)));
    TRY(strbuf_puts(out, "2>/dev/null | cut -f1)"));
    return strbuf_puts(out, end + strlen("2>/dev/null)"));
}

static struct err *completion_verb(struct cli *c, void *opts, int *exit_code)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    const struct completion_opts *o = opts;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    (void)exit_code;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (strcmp(scripts[i].shell, c->args[0]) == 0)
            TRY(script_text(scripts[i].script, !o->no_descriptions, &text));
    if (!text.len)
        return ERR_NEW(ERR_INVALID, "invalid argument \"%s\" for \"" CLI_PROGRAM " completion\"", c->args[0]);
    if (o->file)
        return file_write_atomic(AT_FDCWD, o->file, text.data, text.len, 0644, FILE_NOSYNC);
    return strbuf_add(&c->out, text.data, text.len);
}

const struct cli_verb cli_verb_completion = {
    .paths = "completion",
    .synopsis = "[options] {bash|zsh|fish}",
    .summary = "Generate shell autocompletions",
    .description = "Generate shell autocompletions.\nValid arguments are bash, zsh, and fish.\n"
                   "To load them now: source <(" CLI_PROGRAM " completion bash)",
    .examples = "@ bash\n@ zsh -f _" CLI_PROGRAM "\n@ fish --no-desc",
    .flags = completion_flags,
    .opts_size = sizeof(struct completion_opts),
    .min_args = 1,
    .max_args = 1,
    .run = completion_verb,
};

/* --- help [COMMAND...] */

static struct err *help_verb(struct cli *c, void *opts, int *exit_code)
{
    AUTO_STRBUF struct strbuf path = STRBUF_INIT;
    (void)opts, (void)exit_code;
    for (size_t i = 0; i < c->n_args; i++)
        TRY(strbuf_printf(&path, "%s%s", i ? " " : "", c->args[i]));
    const struct cli_verb *v = path.len ? cli_verb_find(strbuf_str(&path), path.len, NULL) : NULL;
    if (path.len && !v)
        return ERR_NEW(ERR_INVALID, "unknown help topic [`%s`]", strbuf_str(&path));
    return help_render(v, strbuf_str(&path), &c->out);
}

const struct cli_verb cli_verb_help = {
    .paths = "help",
    .synopsis = "[COMMAND]",
    .summary = "Help about any command",
    .opts_size = 1,
    .max_args = -1,
    .complete = CLI_COMPLETE_VERB,
    .run = help_verb,
};
