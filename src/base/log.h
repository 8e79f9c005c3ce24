/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h - lines for the operator, on stderr; evidence goes to audit, not here.
 *
 * One event is one line: "2026-05-01T12:00:00.123Z warn edge/press modbus:
 * text". Each (module, format) pair is limited to 10 lines in 10 s; what is
 * held back is counted and reported by the next line that passes.
 */
#ifndef HF_BASE_LOG_H
#define HF_BASE_LOG_H

#include <stdint.h>

enum hf_log_level { HF_LOG_ERROR, HF_LOG_WARN, HF_LOG_INFO, HF_LOG_DEBUG };

/* who: "edge/press", borrowed for the life of the process. fd: where to. */
void hf_log_init(const char *who, int fd, enum hf_log_level max);
void hf_log_line(enum hf_log_level lv, const char *module, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
uint64_t hf_log_nsuppressed(void);
/* For tests: other clocks than CLOCK_REALTIME and CLOCK_MONOTONIC; NULL =
 * those. */
void hf_log_set_clock(int64_t (*wall_ns)(void), int64_t (*mono_ns)(void));
/* "error" "warn" "info" "debug"; HF_EINVAL otherwise. */
int hf_log_level_parse(const char *s, enum hf_log_level *out);

#define log_error(m, ...) hf_log_line(HF_LOG_ERROR, (m), __VA_ARGS__)
#define log_warn(m, ...) hf_log_line(HF_LOG_WARN, (m), __VA_ARGS__)
#define log_info(m, ...) hf_log_line(HF_LOG_INFO, (m), __VA_ARGS__)
#define log_debug(m, ...) hf_log_line(HF_LOG_DEBUG, (m), __VA_ARGS__)

#endif
