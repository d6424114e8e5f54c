/* Requests of slirp4netns' API socket, as JSON texts. Computes only; input may be anything. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "slirp/control.h"

enum api_verb { API_ADD, API_LIST, API_REMOVE };

struct api_request {
    enum api_verb verb;
    struct slirp_port port; /* API_ADD; port.id for API_REMOVE */
};

/* ERR_INVALID says what is wrong. */
struct err *api_request_parse(const char *text, size_t len, struct api_request *ret) ERR_RESULT;
/* {"return": {"id": …}} */
struct err *api_answer_id(uint32_t id, char **ret) ERR_RESULT;
/* {"return": {}} */
struct err *api_answer_empty(char **ret) ERR_RESULT;
/* {"return": {"entries": […]}} */
struct err *api_answer_list(const struct slirp_port *ports, size_t n, char **ret) ERR_RESULT;
/* {"error": {"desc": …}} */
struct err *api_answer_error(const char *desc, char **ret) ERR_RESULT;
