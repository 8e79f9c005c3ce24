/* SPDX-License-Identifier: Apache-2.0
 *
 * err.c - sets error texts: one line, bounded, safe to print.
 *
 * Texts longer than HF_ERR_TEXT end in "...". A line break inside becomes a
 * blank, since one error is one line in every log and on every terminal. An
 * argument may be err->msg itself: the text is built aside and copied last.
 * Called by everything; calls nothing of ours.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int rc;
	const char *name;
} rc_names[] = {
    {HF_OK, "ok"},
    {HF_EINVAL, "invalid input"},
    {HF_ENOMEM, "out of memory"},
    {HF_ENODATA, "no data"},
    {HF_EIO, "input/output error"},
    {HF_ENOSPC, "disk full"},
    {HF_ELIMIT, "limit reached"},
    {HF_EDENIED, "denied"},
    {HF_ECORRUPT, "corrupt data"},
    {HF_ENOTFOUND, "not found"},
    {HF_EEXIST, "exists already"},
    {HF_EAGAIN, "try again later"},
    {HF_ETIMEDOUT, "timed out"},
    {HF_ECLOSED, "closed by the other side"},
    {HF_EPROTO, "protocol violated"},
    {HF_EUNSUPPORTED, "not supported here"},
};

/* Copies text, of which len bytes were wanted, into err->msg. */
static void
put_text(struct hf_err *err, const char *text, int len)
{
	size_t i;

	if (len < 0)
		text = "(error text could not be formatted)";
	snprintf(err->msg, sizeof(err->msg), "%s", text);
	if (len >= (int)sizeof(err->msg))
		memcpy(err->msg + sizeof(err->msg) - 4, "...", 4);
	for (i = 0; err->msg[i] != '\0'; i++) {
		if (err->msg[i] == '\n' || err->msg[i] == '\r')
			err->msg[i] = ' ';
	}
}

int
hf_err_set(struct hf_err *err, int rc, const char *fmt, ...)
{
	char text[HF_ERR_TEXT];
	va_list ap;
	int len;

	if (err == NULL)
		return rc;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_text(err, text, len);
	err->rc = rc;
	return rc;
}

void
hf_err_prefix(struct hf_err *err, const char *fmt, ...)
{
	char prefix[HF_ERR_TEXT], text[2 * HF_ERR_TEXT + 4];
	va_list ap;
	int len;

	if (err == NULL)
		return;
	va_start(ap, fmt);
	len = vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	len = snprintf(text, sizeof(text), "%s: %s", prefix, err->msg);
	put_text(err, text, len);
}

const char *
hf_rc_name(int rc)
{
	size_t i;

	for (i = 0; i < sizeof(rc_names) / sizeof(rc_names[0]); i++) {
		if (rc_names[i].rc == rc)
			return rc_names[i].name;
	}
	return "unknown error";
}

int
hf_rc_from_errno(int errnum)
{
	switch (errnum) {
	case 0:
		return HF_OK;
	case ENOSPC:
	case EDQUOT:
		return HF_ENOSPC;
	case EPERM:
	case EACCES:
	case EROFS:
		return HF_EDENIED;
	case ENOENT:
	case ENOTDIR:
		return HF_ENOTFOUND;
	case EEXIST:
		return HF_EEXIST;
	case ENOMEM:
		return HF_ENOMEM;
	case EAGAIN:
	case EINTR:
		return HF_EAGAIN;
	case ETIMEDOUT:
		return HF_ETIMEDOUT;
	case EPIPE:
	case ECONNRESET:
	case ECONNREFUSED:
		return HF_ECLOSED;
	case EINVAL:
	case ENAMETOOLONG:
		return HF_EINVAL;
	case EMFILE:
	case ENFILE:
	case EFBIG:
		return HF_ELIMIT;
	case ENOSYS:
	case EOPNOTSUPP:
		return HF_EUNSUPPORTED;
	default:
		return HF_EIO;
	}
}
