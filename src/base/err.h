/* SPDX-License-Identifier: Apache-2.0
 *
 * err.h - the one way to fail: a negative code and a text that says what to do.
 *
 * A function that can fail returns HF_OK or a negative enum hf_rc; the text
 * goes into the caller's struct hf_err, which may be NULL. The text is set
 * where the cause is known and passed on unchanged above that.
 */
#ifndef HF_BASE_ERR_H
#define HF_BASE_ERR_H

#define HF_ERR_TEXT 512 /* bytes, NUL included; longer texts end in "..." */

enum hf_rc {
	HF_OK = 0,
	HF_EINVAL = -1,	      /* the input breaks a rule */
	HF_ENOMEM = -2,	      /* no memory */
	HF_ENODATA = -3,      /* nothing there (yet) */
	HF_EIO = -4,	      /* the device or disk failed */
	HF_ENOSPC = -5,	      /* the disk or quota is full */
	HF_ELIMIT = -6,	      /* a stated upper limit was reached */
	HF_EDENIED = -7,      /* policy or rights forbid it */
	HF_ECORRUPT = -8,     /* stored bytes fail their check */
	HF_ENOTFOUND = -9,    /* no such name */
	HF_EEXIST = -10,      /* the name is taken */
	HF_EAGAIN = -11,      /* not now, try later */
	HF_ETIMEDOUT = -12,   /* no answer within the time */
	HF_ECLOSED = -13,     /* the other side is gone */
	HF_EPROTO = -14,      /* the other side broke the protocol */
	HF_EUNSUPPORTED = -15 /* known, but not in this build or machine */
};

struct hf_err {
	int rc;		       /* enum hf_rc of the text below, 0 if none */
	char msg[HF_ERR_TEXT]; /* one line, no newline at the end */
};

/* Sets err (if not NULL) and returns rc, so that a caller can return it. */
int hf_err_set(struct hf_err *err, int rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text that err holds; for a fact that only the
 * caller knows (which file, which device). Does nothing if err is NULL. */
void hf_err_prefix(struct hf_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "invalid input", "disk full", ...; never NULL. */
const char *hf_rc_name(int rc);

/* HF_ENOSPC for ENOSPC/EDQUOT, HF_EDENIED for EPERM/EACCES, ... else HF_EIO. */
int hf_rc_from_errno(int errnum);

#define HF_FAIL(err, rc, ...) hf_err_set((err), (rc), __VA_ARGS__)

#endif
