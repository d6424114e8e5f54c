/* What kind of content some bytes are, by their beginning: the media types of files in artifacts. Pure computation.
 * Rules: https://mimesniff.spec.whatwg.org/, as far as Go's http.DetectContentType() has them, which Podman asks. */
#pragma once

#include <stddef.h>

#define SNIFF_BYTES 512 /* more is not looked at */
/* Never NULL: "application/octet-stream" when nothing fits. */
const char *sniff_type(const void *data, size_t len);
