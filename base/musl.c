/* Messages where musl's are others than glibc's, for what system calls of ours can fail with. */
#include "base/musl.h"

#undef strerror

#include <errno.h>
#include <string.h>

const char *musl_strerror(int errnum)
{
    static const char *const words[] = {
        [EIO] = "Input/output error",
        [ECHILD] = "No child processes",
        [ENOMEM] = "Cannot allocate memory",
        [EBUSY] = "Device or resource busy",
        [EXDEV] = "Invalid cross-device link",
        [EMFILE] = "Too many open files",
        [ENOTTY] = "Inappropriate ioctl for device",
        [ESPIPE] = "Illegal seek",
        [EDOM] = "Numerical argument out of domain",
        [ERANGE] = "Numerical result out of range",
        [EDEADLK] = "Resource deadlock avoided",
        [ENAMETOOLONG] = "File name too long",
        [ELOOP] = "Too many levels of symbolic links",
        [ETIME] = "Timer expired",
        [EOVERFLOW] = "Value too large for defined data type",
        [ELIBBAD] = "Accessing a corrupted shared library",
        [EILSEQ] = "Invalid or incomplete multibyte or wide character",
        [EUSERS] = "Too many users",
        [ENOTSOCK] = "Socket operation on non-socket",
        [EMSGSIZE] = "Message too long",
        [EOPNOTSUPP] = "Operation not supported",
        [EADDRINUSE] = "Address already in use",
        [EADDRNOTAVAIL] = "Cannot assign requested address",
        [ENETUNREACH] = "Network is unreachable",
        [ENETRESET] = "Network dropped connection on reset",
        [ECONNABORTED] = "Software caused connection abort",
        [EISCONN] = "Transport endpoint is already connected",
        [ENOTCONN] = "Transport endpoint is not connected",
        [ESHUTDOWN] = "Cannot send after transport endpoint shutdown",
        [ETOOMANYREFS] = "Too many references: cannot splice",
        [ETIMEDOUT] = "Connection timed out",
        [EHOSTUNREACH] = "No route to host",
        [EINPROGRESS] = "Operation now in progress",
        [EUCLEAN] = "Structure needs cleaning",
        [EDQUOT] = "Disk quota exceeded",
    };
    const size_t n = sizeof(words) / sizeof(words[0]);
    return errnum > 0 && (size_t)errnum < n && words[errnum] ? words[errnum] : strerror(errnum);
}
