/* Generated names, "adjective_surname" as docker and podman give them. The words are our own choice: boats and waters,
 * and people who built or measured them. */
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/engine.h"

/* clang-format off */
static const char *const adjectives[] = {
    "agile",   "amber",  "ample",   "azure",  "bold",    "breezy",  "bright",  "brisk",  "buoyant", "calm",    "candid",
    "clear",   "clever", "coastal", "cool",   "crisp",   "daring",  "deep",    "deft",   "eager",   "early",   "easy",
    "fair",    "fast",   "fine",    "firm",   "fleet",   "fluid",   "fond",    "fresh",  "gentle",  "gleaming", "glad",
    "golden",  "grand",  "handy",   "happy",  "hardy",   "hearty",  "honest",  "jolly",  "keen",    "kind",    "lively",
    "light",   "lucid",  "lucky",   "lunar",  "mellow",  "merry",   "mighty",  "misty",  "modest",  "nautic",  "neat",
    "nimble",  "noble",  "northern", "open",  "patient", "placid",  "plucky",  "polite", "proud",   "quick",   "quiet",
    "rapid",   "ready",  "robust",  "rosy",   "salty",   "sandy",   "serene",  "sharp",  "shiny",   "silent",  "silver",
    "smooth",  "snug",   "solid",   "southern", "steady", "sturdy", "sunny",   "sure",   "swift",   "tidal",   "tidy",
    "tough",   "tranquil", "true",  "trusty", "upbeat",  "valiant", "vivid",   "warm",   "wavy",    "windy",   "wise",
};

static const char *const surnames[] = {
    "archimedes", "bacon",    "baird",    "barents",  "beaufort", "bernoulli", "bligh",    "bowditch", "bruce",    "brunel",
    "cabot",      "carson",   "chichester", "cook",   "cousteau", "dampier",   "darwin",   "davis",    "drake",    "earhart",
    "earle",      "eriksson", "euler",    "fitzroy",  "flinders", "franklin",  "froude",   "fulton",   "galileo",  "germain",
    "gilbert",    "hadley",   "halley",   "harrison", "henson",   "hero",      "herreshoff", "hooke",  "hopper",   "hudson",
    "humboldt",   "huygens",  "ismay",    "kelvin",   "kepler",   "lamarr",    "laplace",  "lovelace", "macarthur", "magellan",
    "marconi",    "maury",    "maxwell",  "mercator", "meitner",  "moitessier", "nansen",  "navier",   "newton",   "noether",
    "parsons",    "pascal",   "pytheas",  "rankine",  "rayleigh", "reynolds",  "ricketts", "ross",     "russell",  "scott",
    "shackleton", "slocum",   "somerville", "stokes", "strutt",   "sverdrup",  "tasman",   "tharp",    "thomson",  "torricelli",
    "vespucci",   "watt",     "wegener",  "wilkins",  "worsley",  "zheng",
};
/* clang-format on */

struct err *container_name_taken(struct engine *e, const char *name, bool *ret)
{
    struct store_stmt *st;
    TRY(store_prepare(engine_store(e),
                      "SELECT 1 FROM containers WHERE name = ?1 UNION ALL SELECT 1 FROM pods WHERE name = ?1", &st));
    TRY(store_bind(st, "t", name));
    return store_step(st, ret);
}

struct err *container_random_name(struct engine *e, char **ret)
{
    for (unsigned attempt = 0; attempt < 64; attempt++) {
        AUTO_FREE char *name = NULL;
        uint32_t r[2];
        bool taken;
        if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
            return ERR_NEW(ERR_INTERNAL, "no random numbers for a container name");
        const char *a = adjectives[r[0] % ARRAY_LEN(adjectives)], *s = surnames[r[1] % ARRAY_LEN(surnames)];
        if (attempt < 8)
            TRY(mem_asprintf(&name, "%s_%s", a, s));
        else
            TRY(mem_asprintf(&name, "%s_%s%u", a, s, r[0] >> 16));
        TRY(container_name_taken(e, name, &taken));
        if (!taken) {
            *ret = TAKE_PTR(name);
            return NULL;
        }
    }
    return ERR_NEW(ERR_EXISTS, "no free container name found; give one with --name");
}

struct err *container_name_in_use(struct engine *e, const char *name)
{
    struct store_stmt *st;
    bool row = false;
    const char *id = "";
    TRY(store_prepare(engine_store(e), "SELECT id FROM containers WHERE name = ?1", &st));
    TRY(store_bind(st, "t", name));
    TRY(store_step(st, &row));
    if (row)
        id = store_col_text(st, 0);
    return ERR_NEW(ERR_EXISTS,
                   "creating container storage: the container name \"%s\" is already in use by %s. You have to remove "
                   "that container to be able to reuse that name: that name is already in use",
                   name, id);
}
