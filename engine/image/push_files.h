/* Pushing into files in place of a registry: "dir:", an OCI layout, an archive of one. What is pushed is the same, also
 * manifest lists with their images; only where blobs and documents are put is decided here.
 */
#pragma once

#include "engine/image/push_internal.h"

struct push_files;

/* An archive is gathered in staging, a directory is filled where it is. ERR_EXISTS: the directory is not empty. */
struct err *push_files_open(struct engine *e, const struct image_push_files *to, struct push_files **ret) ERR_RESULT;
/* After everything was put, or not (`take_e`): write the index, pack the archive; or take back what was made. */
struct err *push_files_close(struct push_files *take_f, struct err *take_e) ERR_RESULT;

/* Only OCI's documents belong into a layout, unless the user asks for others. */
bool push_files_want_oci(const struct push_files *f);
bool push_files_has(const struct push_files *f, const char *digest);
/* The whole of `fd`, whose digest that is. */
struct err *push_files_put_blob(struct push_files *f, const char *digest, int fd) ERR_RESULT;
/* `top`: what was asked for, rather than an image of the list that was asked for. */
struct err *push_files_put_manifest(struct push_files *f, const char *text, const char *media_type,
                                    bool top) ERR_RESULT;
