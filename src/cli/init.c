/* SPDX-License-Identifier: Apache-2.0
 *
 * init.c - `holdfast init`: folders, keys, the plant's CA and its certificates.
 *
 * Makes what is missing and touches nothing that is there, so it may be run
 * again at any time; a run that was killed is completed by the next one. Every
 * file is written beside its place, synced and renamed; a certificate follows
 * its key, and a key without a certificate gets one. The one thing it replaces
 * is a certificate that ends within RENEW_DAYS (the CA's: CA_RENEW_DAYS, since
 * clients have to get it in time): a new one for the same key and subject, so
 * that what was signed before stays valid. `holdfast reload` gives it to the
 * broker.
 *
 *   keys/audit/log.key     32 bytes, Ed25519 seed that signs the audit log
 *   audit/key.pub          its public half as a C2SP verifier key (one line
 *                          "name+hash+base64"), if the plant's name is known
 *   keys/ca/ca.key         EC P-256, PEM (PKCS #8); signs certificates only
 *   pki/own/ca.crt         X.509v3 CA, 10 years, pathlen 0
 *   keys/web/tls.key       and pki/own/web.crt, for the TLS listener
 *   keys/broker/ZONE.key   and pki/own/broker-ZONE.crt, for each zone's broker
 *   pki/clients/NAME.key   and NAME.crt, with --client NAME: what an MQTT
 *                          device shows to a broker, which calls it NAME
 *
 * Certificates hold for two years. Keys belong to the role that uses them, mode
 * 0600. The CA's key stays with root; move it to a medium that is kept apart
 * once all certificates are made.
 */
#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <limits.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "conf/conf.h"
#include "os/file.h"
#include "proc/house.h"
#include "proc/wires.h"
#include "store/auditlog.h"
#include "store/note.h"

#define CA_DAYS 3652
#define CERT_DAYS 730
#define RENEW_DAYS 30
#define CA_RENEW_DAYS 90
#define SERIAL_BITS 126 /* positive, below 20 octets (RFC 5280, 4.1.2.2) */
#define PEM_MAX 16384
#define CN_MAX 64 /* ub-common-name, RFC 5280 */

struct init {
	const char *data;
	const char *client; /* --client, or NULL */
	int datafd;
	struct hf_plant *plant; /* NULL: not known */
	EVP_PKEY *ca_key;
	X509 *ca;
	bool is_json;
	struct hf_buf list; /* JSON items */
	struct hf_jw jw;
	unsigned nmade;
};

/* ---- what was made */

static void
say(struct init *in, const char *path, bool is_new)
{
	in->nmade += is_new ? 1 : 0;
	if (in->is_json) {
		hf_jw_obj(&in->jw);
		hf_jw_kstr(&in->jw, "path", path);
		hf_jw_kbool(&in->jw, "made", is_new);
		hf_jw_end_obj(&in->jw);
	} else {
		printf(
		    "%s %s/%s\n", is_new ? "made " : "there", in->data, path);
	}
}

static int
ssl_fail(struct hf_err *err, const char *what)
{
	char text[160] = "unknown error";
	unsigned long e = ERR_get_error();

	if (e != 0)
		ERR_error_string_n(e, text, sizeof(text));
	ERR_clear_error();
	return HF_FAIL(err, HF_EIO, "%s: %s", what, text);
}

static bool
is_there(const struct init *in, const char *path)
{
	return faccessat(in->datafd, path, F_OK, 0) == 0;
}

/* Makes a rename in the folder of path durable. */
static int
sync_dir_of(const struct init *in, const char *path, struct hf_err *err)
{
	char dir[PATH_MAX];
	int fd, rc;

	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path),
	    path); /* all have one */
	fd = openat(in->datafd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s/%s: %s",
		    in->data, dir, strerror(errno));
	rc = hf_dir_sync(fd, err);
	close(fd);
	return rc;
}

/* New file of a role. Owner and mode are right before the name is. */
static int
put_file(struct init *in, const char *path, enum hf_role owner, mode_t mode,
    const void *p, size_t n, struct hf_err *err)
{
	struct hf_ids ids = hf_house_ids(owner);
	char tmp[PATH_MAX];
	int fd, rc;

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	fd = openat(in->datafd, tmp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s/%s: %s",
		    in->data, tmp, strerror(errno));
	rc = hf_pwrite_all(fd, p, n, 0, err);
	if (rc == HF_OK &&
	    ((geteuid() == 0 && fchown(fd, ids.uid, ids.gid) != 0) ||
		fchmod(fd, mode) != 0 || fsync(fd) != 0 ||
		renameat(in->datafd, tmp, in->datafd, path) != 0))
		rc = HF_FAIL(err, hf_rc_from_errno(errno), "%s/%s: %s",
		    in->data, path, strerror(errno));
	close(fd);
	if (rc != HF_OK) {
		(void)unlinkat(in->datafd, tmp, 0);
		return rc;
	}
	return sync_dir_of(in, path, err);
}

/* ---- folders and the audit key */

static int
make_folders(struct init *in, struct hf_err *err)
{
	bool is_new;
	size_t i;
	int rc;

	if (mkdir(in->data, 0711) != 0 && errno != EEXIST)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", in->data,
		    strerror(errno));
	in->datafd = open(in->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->datafd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", in->data,
		    strerror(errno));
	while (flock(in->datafd, LOCK_EX) != 0) /* another init at work */
		if (errno != EINTR)
			return HF_FAIL(err, HF_EIO, "%s: lock: %s", in->data,
			    strerror(errno));
	for (i = 0; i < hf_nhouse_dir; i++) {
		rc = hf_house_make(in->datafd, &hf_house_dirs[i], &is_new, err);
		if (rc != HF_OK)
			return rc;
		if (hf_house_dirs[i].path[0] != '\0')
			say(in, hf_house_dirs[i].path, is_new);
	}
	return HF_OK;
}

/* Public half of a 32-byte Ed25519 seed. */
static int
public_of(const uint8_t seed[32], uint8_t pub[32], struct hf_err *err)
{
	size_t n = 32;
	EVP_PKEY *k;
	int rc = HF_OK;

	k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	if (k == NULL || EVP_PKEY_get_raw_public_key(k, pub, &n) != 1)
		rc = ssl_fail(err, "audit key");
	EVP_PKEY_free(k);
	return rc;
}

static int
read_seed(struct init *in, uint8_t seed[32], struct hf_err *err)
{
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, 64);
	rc = hf_file_read(in->datafd, "keys/audit/log.key", 64, &b, err);
	if (rc == HF_OK && b.len != 32)
		rc = HF_FAIL(err, HF_ECORRUPT,
		    "%s/keys/audit/log.key holds %zu "
		    "bytes, not 32; put the right key back, or move it and "
		    "audit/ away",
		    in->data, b.len);
	if (rc == HF_OK)
		memcpy(seed, b.p, 32);
	if (b.p != NULL)
		OPENSSL_cleanse(b.p, b.cap);
	hf_buf_fini(&b);
	return rc;
}

/* audit/key.pub, named as audit itself will name it. */
static int
make_verifier_key(struct init *in, const uint8_t seed[32], struct hf_err *err)
{
	char name[HF_NOTE_NAME], text[HF_VKEY_MAX + 1];
	struct hf_vkey k;
	uint8_t pub[32];
	size_t n;
	int rc;

	if (in->plant == NULL || is_there(in, "audit/key.pub"))
		return HF_OK;
	snprintf(name, sizeof(name), "holdfast/%s/%s",
	    in->plant->site.enterprise, in->plant->site.site);
	rc = public_of(seed, pub, err);
	if (rc == HF_OK)
		rc = hf_vkey_make(&k, name, pub, err);
	if (rc != HF_OK)
		return rc;
	hf_vkey_text(&k, text);
	n = strlen(text);
	text[n] = '\n';
	rc = put_file(
	    in, "audit/key.pub", HF_ROLE_AUDIT, 0640, text, n + 1, err);
	if (rc == HF_OK)
		say(in, "audit/key.pub", true);
	return rc;
}

static int
make_audit_key(struct init *in, struct hf_err *err)
{
	uint8_t seed[32], pub[32];
	bool is_new = !is_there(in, "keys/audit/log.key");
	int rc;

	if (is_new && is_there(in, "audit/checkpoint")) {
		/* A new key beside an old log would look like a forgery. */
		rc = HF_FAIL(err, HF_EEXIST,
		    "%s/audit holds a log, but its key keys/audit/log.key is "
		    "gone: restore the key from the backup, or move the log's "
		    "folder away to begin a new log",
		    in->data);
	} else if (is_new) {
		rc = hf_audit_keygen(seed, pub, err);
		if (rc == HF_OK)
			rc = put_file(in, "keys/audit/log.key", HF_ROLE_AUDIT,
			    0600, seed, sizeof(seed), err);
	} else {
		rc = read_seed(in, seed, err);
	}
	if (rc == HF_OK) {
		say(in, "keys/audit/log.key", is_new);
		rc = make_verifier_key(in, seed, err);
	}
	OPENSSL_cleanse(seed, sizeof(seed));
	return rc;
}

/* ---- keys and certificates */

static int
read_pem(struct init *in, const char *path, BIO **out, struct hf_err *err)
{
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, PEM_MAX);
	rc = hf_file_read(in->datafd, path, PEM_MAX, &b, err);
	if (rc == HF_OK) {
		*out = BIO_new(BIO_s_mem());
		if (*out == NULL ||
		    BIO_write(*out, b.p, (int)b.len) != (int)b.len)
			rc = ssl_fail(err, path);
	}
	if (b.p != NULL)
		OPENSSL_cleanse(b.p, b.cap);
	hf_buf_fini(&b);
	return rc;
}

/* The bytes of a memory BIO into a file of a role. */
static int
put_pem(struct init *in, const char *path, enum hf_role owner, mode_t mode,
    BIO *bio, struct hf_err *err)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	return put_file(in, path, owner, mode, p, (size_t)n, err);
}

/* A key of an earlier version may belong to somebody who no longer uses it. */
static int
own_key(
    struct init *in, const char *path, enum hf_role owner, struct hf_err *err)
{
	struct hf_ids ids = hf_house_ids(owner);
	struct stat st;

	if (geteuid() != 0)
		return HF_OK;
	if (fstatat(in->datafd, path, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    (st.st_uid != ids.uid && fchownat(in->datafd, path, ids.uid,
					 ids.gid, AT_SYMLINK_NOFOLLOW) != 0))
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s/%s: %s",
		    in->data, path, strerror(errno));
	return HF_OK;
}

/* The key at path, made if it is missing. */
static int
take_key(struct init *in, const char *path, enum hf_role owner, EVP_PKEY **out,
    struct hf_err *err)
{
	bool is_new = !is_there(in, path);
	EVP_PKEY *k = NULL;
	BIO *bio = NULL;
	int rc = HF_OK;

	if (is_new) {
		k = EVP_EC_gen("P-256");
		bio = BIO_new(BIO_s_secmem());
		if (k == NULL || bio == NULL ||
		    PEM_write_bio_PKCS8PrivateKey(
			bio, k, NULL, NULL, 0, NULL, NULL) != 1)
			rc = ssl_fail(err, path);
		else
			rc = put_pem(in, path, owner, 0600, bio, err);
	} else {
		rc = own_key(in, path, owner, err);
		if (rc == HF_OK)
			rc = read_pem(in, path, &bio, err);
		if (rc == HF_OK)
			k = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		if (rc == HF_OK && k == NULL)
			rc = ssl_fail(err, path);
	}
	BIO_free(bio);
	if (rc != HF_OK) {
		EVP_PKEY_free(k);
		return rc;
	}
	say(in, path, is_new);
	*out = k;
	return HF_OK;
}

static bool
add_ext(X509 *crt, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;
	bool is_good;

	X509V3_set_ctx(&ctx, issuer, crt, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	is_good = e != NULL && X509_add_ext(crt, e, -1) == 1;
	X509_EXTENSION_free(e);
	return is_good;
}

static bool
set_serial(X509 *crt)
{
	BIGNUM *bn = BN_new();
	bool is_good;

	is_good = bn != NULL &&
		  BN_rand(bn, SERIAL_BITS, BN_RAND_TOP_ANY,
		      BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(crt)) != NULL;
	BN_free(bn);
	return is_good;
}

/* What every certificate has; extensions and signature follow. */
static X509 *
new_cert(EVP_PKEY *key, const char *cn, const char *org, int days)
{
	X509 *crt = X509_new();
	X509_NAME *name;

	if (crt == NULL)
		return NULL;
	name = X509_get_subject_name(crt);
	if (X509_set_version(crt, X509_VERSION_3) != 1 || !set_serial(crt) ||
	    X509_gmtime_adj(X509_getm_notBefore(crt), -300) == NULL ||
	    X509_time_adj_ex(X509_getm_notAfter(crt), days, 0, NULL) == NULL ||
	    X509_set_pubkey(crt, key) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
		(const unsigned char *)org, -1, -1, 0) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
		(const unsigned char *)cn, -1, -1, 0) != 1) {
		X509_free(crt);
		return NULL;
	}
	return crt;
}

static int
put_cert(struct init *in, const char *path, X509 *crt, struct hf_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int rc;

	if (bio == NULL || PEM_write_bio_X509(bio, crt) != 1)
		rc = ssl_fail(err, path);
	else
		rc = put_pem(in, path, HF_ROLE_PARENT, 0644, bio, err);
	BIO_free(bio);
	if (rc == HF_OK)
		say(in, path, true);
	return rc;
}

static const char *
org_of(const struct init *in)
{
	return in->plant != NULL ? in->plant->site.enterprise : "holdfast";
}

/* subject: of the certificate that this one succeeds; NULL: the plant's. */
static int
new_ca(struct init *in, const X509_NAME *subject, struct hf_err *err)
{
	char cn[CN_MAX + 1];
	X509 *crt;

	snprintf(cn, sizeof(cn), "Holdfast plant CA %.40s",
	    in->plant != NULL ? in->plant->site.site : "");
	crt = new_cert(in->ca_key, cn, org_of(in), CA_DAYS);
	if (crt == NULL ||
	    (subject != NULL && X509_set_subject_name(crt, subject) != 1) ||
	    X509_set_issuer_name(crt, X509_get_subject_name(crt)) != 1 ||
	    !add_ext(crt, crt, NID_basic_constraints,
		"critical,CA:TRUE,pathlen:0") ||
	    !add_ext(crt, crt, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !add_ext(crt, crt, NID_subject_key_identifier, "hash") ||
	    X509_sign(crt, in->ca_key, EVP_sha256()) == 0) {
		X509_free(crt);
		return ssl_fail(err, "pki/own/ca.crt");
	}
	in->ca = crt;
	return put_cert(in, "pki/own/ca.crt", crt, err);
}

static int
read_cert(struct init *in, const char *path, X509 **out, struct hf_err *err)
{
	BIO *bio = NULL;
	int rc;

	rc = read_pem(in, path, &bio, err);
	if (rc == HF_OK) {
		*out = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (*out == NULL)
			rc = ssl_fail(err, path);
	}
	BIO_free(bio);
	return rc;
}

static bool
ends_within(const X509 *crt, int days)
{
	time_t limit = time(NULL) + (time_t)days * 86400;

	return X509_cmp_time(X509_get0_notAfter(crt), &limit) <= 0;
}

static int
make_ca(struct init *in, struct hf_err *err)
{
	X509 *old;
	int rc;

	rc = take_key(in, "keys/ca/ca.key", HF_ROLE_PARENT, &in->ca_key, err);
	if (rc != HF_OK)
		return rc;
	if (!is_there(in, "pki/own/ca.crt"))
		return new_ca(in, NULL, err);
	rc = read_cert(in, "pki/own/ca.crt", &in->ca, err);
	if (rc == HF_OK && X509_check_private_key(in->ca, in->ca_key) != 1)
		rc = HF_FAIL(err, HF_ECORRUPT,
		    "pki/own/ca.crt does not belong "
		    "to keys/ca/ca.key; put the right one back");
	if (rc == HF_OK && ends_within(in->ca, CA_RENEW_DAYS)) {
		old = in->ca;
		in->ca = NULL;
		rc = new_ca(in, X509_get_subject_name(old), err);
		X509_free(old);
		return rc;
	}
	if (rc == HF_OK)
		say(in, "pki/own/ca.crt", false);
	return rc;
}

struct want { /* a certificate below the CA, and its key */
	const char *cn, *key_path, *crt_path;
	enum hf_role owner; /* of the key */
	const char *usage;  /* "serverAuth", "clientAuth" */
	const char *nic;    /* a server's, whose addresses it shows; or NULL */
};

/* The certificate for its key, signed by the plant's CA. */
static int
sign_cert(struct init *in, EVP_PKEY *key, const struct want *w, const char *san,
    struct hf_err *err)
{
	const char *path = w->crt_path;
	X509 *crt;
	int rc;

	crt = new_cert(key, w->cn, org_of(in), CERT_DAYS);
	if (crt == NULL ||
	    X509_set_issuer_name(crt, X509_get_subject_name(in->ca)) != 1 ||
	    !add_ext(crt, in->ca, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_ext(crt, in->ca, NID_key_usage, "critical,digitalSignature") ||
	    !add_ext(crt, in->ca, NID_ext_key_usage, w->usage) ||
	    !add_ext(crt, in->ca, NID_subject_key_identifier, "hash") ||
	    !add_ext(
		crt, in->ca, NID_authority_key_identifier, "keyid:always") ||
	    !add_ext(crt, in->ca, NID_subject_alt_name, san) ||
	    X509_sign(crt, in->ca_key, EVP_sha256()) == 0)
		rc = ssl_fail(err, path);
	else
		rc = put_cert(in, path, crt, err);
	X509_free(crt);
	return rc;
}

/* Addresses of a NIC as further names of a server; clients of a zone's broker
 * mostly know it by one. */
static void
add_addresses(const char *nic, char *san, size_t cap)
{
	struct ifaddrs *all = NULL, *a;
	char text[INET6_ADDRSTRLEN];
	size_t len;

	if (nic == NULL || getifaddrs(&all) != 0)
		return;
	for (a = all; a != NULL; a = a->ifa_next) {
		const void *addr = NULL;

		if (a->ifa_addr == NULL || strcmp(a->ifa_name, nic) != 0)
			continue;
		if (a->ifa_addr->sa_family == AF_INET)
			addr = &((const struct sockaddr_in *)(const void *)
				     a->ifa_addr)
				    ->sin_addr;
		else if (a->ifa_addr->sa_family == AF_INET6)
			addr = &((const struct sockaddr_in6 *)(const void *)
				     a->ifa_addr)
				    ->sin6_addr;
		len = strlen(san);
		if (addr != NULL && inet_ntop(a->ifa_addr->sa_family, addr,
					text, sizeof(text)) != NULL)
			snprintf(san + len, cap - len, ",IP:%s", text);
	}
	freeifaddrs(all);
}

/* Is it there, and for a while yet? */
static bool
is_cert_fresh(struct init *in, const char *path)
{
	struct hf_err err = {0};
	X509 *crt = NULL;
	bool is_fresh;

	if (!is_there(in, path) || read_cert(in, path, &crt, &err) != HF_OK)
		return false;
	is_fresh = !ends_within(crt, RENEW_DAYS);
	X509_free(crt);
	return is_fresh;
}

static int
make_cert(struct init *in, const struct want *w, struct hf_err *err)
{
	char san[1024], host[HOST_NAME_MAX + 1] = "";
	EVP_PKEY *key = NULL;
	int rc;

	rc = take_key(in, w->key_path, w->owner, &key, err);
	if (rc != HF_OK)
		return rc;
	if (is_cert_fresh(in, w->crt_path)) {
		say(in, w->crt_path, false);
	} else {
		(void)gethostname(host, sizeof(host) - 1);
		snprintf(san, sizeof(san), "DNS:%s", w->cn);
		if (strcmp(w->usage, "serverAuth") == 0) {
			snprintf(san, sizeof(san),
			    "DNS:%s,DNS:localhost,IP:127.0.0.1%s%s", w->cn,
			    host[0] != '\0' ? ",DNS:" : "", host);
			add_addresses(w->nic, san, sizeof(san));
		}
		rc = sign_cert(in, key, w, san, err);
	}
	EVP_PKEY_free(key);
	return rc;
}

static int
make_certs(struct init *in, struct hf_err *err)
{
	const struct want web = {.cn = "holdfast-web",
	    .key_path = "keys/web/tls.key",
	    .crt_path = "pki/own/web.crt",
	    .owner = HF_ROLE_WEB,
	    .usage = "serverAuth"};
	char key[128], crt[128], cn[CN_MAX + 1];
	struct want w = {.cn = cn,
	    .key_path = key,
	    .crt_path = crt,
	    .owner = HF_ROLE_BROKER,
	    .usage = "serverAuth"};
	size_t i;
	int rc;

	rc = make_cert(in, &web, err);
	for (i = 0; rc == HF_OK && in->plant != NULL && i < in->plant->nzone;
	     i++) {
		const struct hf_zone *z = &in->plant->zones[i];

		snprintf(key, sizeof(key), "keys/broker/%s.key", z->name);
		snprintf(crt, sizeof(crt), "pki/own/broker-%s.crt", z->name);
		snprintf(cn, sizeof(cn), "broker-%.57s", z->name);
		w.nic = z->interface;
		rc = make_cert(in, &w, err);
	}
	return rc;
}

/* ---- a client's certificate */

/* The name becomes a file, a user name and, by %u, a level of a topic. */
static bool
is_client_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
			     "WXYZ0123456789_.-");

	return n > 0 && n <= CN_MAX && s[n] == '\0' && s[0] != '.';
}

static int
make_client(struct init *in, struct hf_err *err)
{
	char key[128], crt[128];
	struct want w = {.cn = in->client,
	    .key_path = key,
	    .crt_path = crt,
	    .owner = HF_ROLE_PARENT,
	    .usage = "clientAuth"};

	snprintf(key, sizeof(key), "pki/clients/%s.key", in->client);
	snprintf(crt, sizeof(crt), "pki/clients/%s.crt", in->client);
	return make_cert(in, &w, err);
}

/* What an operator compares with the device, and notes in a calendar. */
static int
print_client(struct init *in, struct hf_err *err)
{
	char path[128], until[64] = "";
	uint8_t md[EVP_MAX_MD_SIZE];
	struct tm tm;
	unsigned n = 0, i;
	X509 *crt = NULL;
	int rc;

	snprintf(path, sizeof(path), "pki/clients/%s.crt", in->client);
	rc = read_cert(in, path, &crt, err);
	if (rc != HF_OK)
		return rc;
	if (X509_digest(crt, EVP_sha256(), md, &n) != 1 ||
	    ASN1_TIME_to_tm(X509_get0_notAfter(crt), &tm) != 1)
		rc = ssl_fail(err, path);
	X509_free(crt);
	if (rc != HF_OK)
		return rc;
	(void)strftime(until, sizeof(until), "%Y-%m-%d", &tm);
	printf("client %s: valid until %s\nSHA-256 ", in->client, until);
	for (i = 0; i < n; i++)
		printf("%02X%s", md[i], i + 1 < n ? ":" : "\n");
	printf("give the device %s/pki/clients/%s.crt, %s.key and "
	       "%s/pki/own/ca.crt; then delete the key here\n",
	    in->data, in->client, in->client, in->data);
	return HF_OK;
}

/* ---- the verb */

static void
ignore(void *arg, const struct hf_finding *f)
{
	(void)arg;
	(void)f;
}

/* The plant's name and zones, if there is a good plant. */
static void
look_at_plant(struct init *in, const char *conf)
{
	struct hf_err err = {0};
	int dir;

	dir = open(conf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || hf_conf_load(dir, &hf_registry, ignore, NULL, &in->plant,
			   &err) != HF_OK) {
		in->plant = NULL;
		fprintf(stderr,
		    "holdfast init: no good plant in %s: broker "
		    "certificates and audit/key.pub are made by a later run "
		    "(`holdfast check` says what is wrong)\n",
		    conf);
	}
	if (dir >= 0)
		close(dir);
}

static int
init(struct init *in, struct hf_err *err)
{
	int rc;

	rc = make_folders(in, err);
	if (rc == HF_OK)
		rc = make_audit_key(in, err);
	if (rc == HF_OK)
		rc = make_ca(in, err);
	if (rc == HF_OK)
		rc = make_certs(in, err);
	if (rc == HF_OK && in->client != NULL)
		rc = make_client(in, err);
	return rc;
}

static int
run(struct init *in, const char *conf)
{
	struct hf_err err = {0};
	int rc;

	umask(077);
	hf_buf_init(&in->list, 65536);
	hf_jw_init(&in->jw, &in->list);
	hf_jw_arr(&in->jw);
	look_at_plant(in, conf);
	rc = init(in, &err);
	hf_jw_end_arr(&in->jw);
	if (in->is_json && rc == HF_OK)
		printf("%s\n", hf_buf_cstr(&in->list));
	else if (rc == HF_OK && in->client != NULL)
		rc = print_client(in, &err);
	else if (rc == HF_OK)
		printf("%u made, the rest was there%s\n", in->nmade,
		    in->nmade > 0 ? "; next: holdfast run" : "");
	hf_buf_fini(&in->list);
	hf_plant_free(in->plant);
	EVP_PKEY_free(in->ca_key);
	X509_free(in->ca);
	if (in->datafd >= 0)
		close(in->datafd);
	if (rc == HF_OK)
		return HF_EXIT_OK;
	return hf_cli_fail("init",
	    rc == HF_EDENIED ? HF_EXIT_DENIED : HF_EXIT_FAILED, "%s", err.msg);
}

static const char help[] =
    "usage: holdfast init [--data DIR] [--conf DIR] [--client NAME] [--json]\n"
    "\n"
    "Makes the data folder with its users' folders, the key of the audit log,\n"
    "the plant's CA, and certificates for the web listener and each zone's\n"
    "broker. No key and no file that exists is changed, but a certificate\n"
    "that ends within 30 days, the CA's within 90, gets a successor for the\n"
    "same key (then `holdfast reload`); owner and mode of folders are put\n"
    "right.\n"
    "\n"
    "  --data DIR   (" HF_DIR_DATA ")\n"
    "  --conf DIR   folder of plant.yaml, for names and zones (" HF_DIR_CONF
    ")\n"
    "  --client NAME  also a key and certificate for an MQTT device, which is\n"
    "               called NAME in the brokers (pki/clients/NAME.key, .crt)\n"
    "  --json       print what was made as JSON\n";

int
hf_verb_init(int argc, char **argv)
{
	static const struct option longopts[] = {
	    {"data", required_argument, NULL, 'd'},
	    {"conf", required_argument, NULL, 'c'},
	    {"client", required_argument, NULL, 'n'},
	    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0}};
	const char *data = NULL, *conf = NULL;
	struct init in = {.datafd = -1};
	int c;

	opterr = 0; /* said below, once */
	while ((c = getopt_long(argc, argv, ":", longopts, NULL)) != -1) {
		switch (c) {
		case 'd':
			data = optarg;
			break;
		case 'c':
			conf = optarg;
			break;
		case 'n':
			in.client = optarg;
			break;
		case 'j':
			in.is_json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return HF_EXIT_OK;
		case ':':
			return hf_cli_usage(
			    "init", "%s needs a value", argv[optind - 1]);
		default:
			return hf_cli_usage("init",
			    "%s unknown; --help lists the options",
			    argv[optind - 1]);
		}
	}
	if (optind < argc)
		return hf_cli_usage(
		    "init", "\"%s\" is no option", argv[optind]);
	if (in.client != NULL && !is_client_name(in.client))
		return hf_cli_usage("init",
		    "--client \"%.64s\": a name takes 1 to %d of A-Z a-z 0-9 "
		    "_ . -",
		    in.client, CN_MAX);
	in.data = hf_cli_dir(data, "HOLDFAST_DATA", HF_DIR_DATA);
	return run(&in, hf_cli_dir(conf, "HOLDFAST_CONF", HF_DIR_CONF));
}
