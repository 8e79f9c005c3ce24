/* SPDX-License-Identifier: Apache-2.0
 *
 * mqtt_broker.h - a real mosquitto for tests: its own folder, a unix socket, if
 * wanted a port on loopback. Started, stopped, killed and started again.
 */
#ifndef TESTS_MQTT_BROKER_H
#define TESTS_MQTT_BROKER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BROKER_PROGRAM "/usr/sbin/mosquitto"
#define BROKER_POLICY "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so"

struct broker {
	char dir[64];	/* made by broker_new */
	char path[96];	/* its unix socket */
	int port;	/* on 127.0.0.1; 0 = none */
	char more[512]; /* lines for its configuration */
	pid_t pid;	/* 0 = not running */
};

static inline bool
broker_is_installed(void)
{
	return access(BROKER_PROGRAM, X_OK) == 0;
}

/* A port nobody has at this moment. */
static inline int
broker_free_port(void)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) != 0)
		abort();
	close(fd);
	return ntohs(sin.sin_port);
}

static inline bool
broker_answers(const struct broker *b)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_ok;

	memcpy(sun.sun_path, b->path, strlen(b->path) + 1);
	is_ok = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;
	close(fd);
	return is_ok;
}

static inline void
broker_write_conf(const struct broker *b, const char *file)
{
	FILE *f = fopen(file, "w");

	if (f == NULL)
		abort();
	if (geteuid() == 0)
		fprintf(f, "user root\n");
	fprintf(f,
	    "persistence false\nlog_dest none\nallow_anonymous true\n"
	    "max_queued_messages 0\nset_tcp_nodelay true\n%s"
	    "listener 0 %s\n",
	    b->more, b->path);
	if (b->port > 0)
		fprintf(f, "listener %d 127.0.0.1\n", b->port);
	if (fclose(f) != 0)
		abort();
}

/* Runs when it comes back: a connection was accepted. */
static inline void
broker_start(struct broker *b)
{
	struct timespec nap = {.tv_nsec = 5000000};
	char conf[96];
	int fd;

	snprintf(conf, sizeof(conf), "%s/conf", b->dir);
	broker_write_conf(b, conf);
	unlink(b->path);
	b->pid = fork();
	if (b->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open("/dev/null", O_RDWR);
		dup2(fd, 1);
		dup2(fd, 2);
		execl(BROKER_PROGRAM, "mosquitto", "-c", conf, (char *)NULL);
		_exit(127);
	}
	while (b->pid < 0 || !broker_answers(b)) {
		if (b->pid < 0 || waitpid(b->pid, NULL, WNOHANG) != 0) {
			fprintf(stderr, "mosquitto did not start\n");
			abort();
		}
		nanosleep(&nap, NULL);
	}
}

static inline void
broker_new(struct broker *b, bool has_port)
{
	snprintf(b->dir, sizeof(b->dir), "/tmp/hf-broker-XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		abort();
	snprintf(b->path, sizeof(b->path), "%s/mqtt.sock", b->dir);
	b->port = has_port ? broker_free_port() : 0;
	broker_start(b);
}

static inline void
broker_kill(struct broker *b)
{
	if (b->pid <= 0)
		return;
	kill(b->pid, SIGCONT);
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	b->pid = 0;
}

static inline void
broker_free(struct broker *b)
{
	char file[96];

	broker_kill(b);
	unlink(b->path);
	snprintf(file, sizeof(file), "%s/conf", b->dir);
	unlink(file);
	snprintf(file, sizeof(file), "%s/acl", b->dir);
	unlink(file);
	rmdir(b->dir);
}

#endif
