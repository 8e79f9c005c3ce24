/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_certs.c - reads the end of the brokers' certificates, so that status can
 * say a month ahead that they must be renewed.
 *
 * A certificate is foreign input to a parser, so neither the parent nor core
 * does this, but the conf child, which has no rights and ends after it.
 */
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/time.h"
#include "os/file.h"
#include "proc/conf_certs.h"

#define PEM_MAX 65536

/* Its end, wall ns; 0 if that cannot be told. */
static int64_t
end_of(int dirfd, const char *name)
{
	struct hf_buf b;
	X509 *crt = NULL;
	BIO *bio = NULL;
	struct tm tm;
	int64_t end = 0;

	hf_buf_init(&b, PEM_MAX);
	if (hf_file_read(dirfd, name, PEM_MAX, &b, NULL) == HF_OK)
		bio = BIO_new_mem_buf(b.p, (int)b.len);
	if (bio != NULL)
		crt = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (crt != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(crt), &tm) == 1)
		end = (int64_t)timegm(&tm) * HF_NS_PER_S;
	X509_free(crt);
	BIO_free(bio);
	ERR_clear_error();
	hf_buf_fini(&b);
	return end;
}

static bool
has_tls(const struct hf_plant *p, size_t zone)
{
	size_t i;

	for (i = 0; i < p->nconduit; i++)
		if (hf_conduit_broker(p, &p->conduits[i]) == (int)zone &&
		    strcmp(p->conduits[i].proto, "mqtts") == 0)
			return true;
	return false;
}

void
conf_cert_ends(int dirfd, const struct hf_plant *p, int64_t out[HF_PLANT_NZONE])
{
	int64_t ca = end_of(dirfd, "ca.crt"), own;
	char name[128];
	size_t z;

	memset(out, 0, HF_PLANT_NZONE * sizeof(*out));
	for (z = 0; z < p->nzone; z++) {
		if (!has_tls(p, z))
			continue;
		snprintf(name, sizeof(name), "broker-%s.crt", p->zones[z].name);
		own = end_of(dirfd, name);
		out[z] = ca != 0 && ca < own ? ca : own;
	}
}
