/* Where this program's own file is, so that what belongs to it is found beside it. */
#pragma once

#include "base/err.h"

/* An absolute path that leads to the file of this process. Also after the last process has left the mount namespace
 * that the file was executed in, when /proc/self/exe has no proper path any more: the first process of a container,
 * say, that has entered a session. ERR_NOT_FOUND where nothing tells. */
struct err *self_path(char **ret) ERR_RESULT;
