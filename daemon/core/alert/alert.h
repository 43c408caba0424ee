/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* When a person is told of the host's state: a state that is bad for long, once, and its end. */

#include "common/enum.h"

#define ALERT_MEMORY_SIZE_MAX 4096 /* of the text */

/* An alarm is on from the first moment that is bad until it was good for long, so that a state that
 * comes and goes is one alarm. Times are µs since the epoch. */
typedef struct Alarm {
        uint64_t bad_usec;  /* on since then; 0: off */
        uint64_t good_usec; /* no more bad since then; 0: it is */
        bool told;          /* that it is on */
} Alarm;

typedef enum AlarmId {
        ALARM_DEGRADED,   /* the state is not good */
        ALARM_UNBOOTABLE, /* no ESP would boot the host */
        _ALARM_MAX,
        _ALARM_INVALID = -EINVAL,
} AlarmId;

typedef struct AlertMemory {
        Alarm alarms[_ALARM_MAX];
} AlertMemory;

typedef struct AlertInput {
        AlertMemory memory;
        const char *redundancy; /* as of Verdict; NULL: what it is now says nothing of the state */
        uint64_t now_usec;      /* one that goes backwards makes everything begin later */
        uint64_t after_usec;    /* how long is long */
} AlertInput;

typedef struct AlertVerdict {
        AlertMemory memory; /* as it is from now on */
        bool send;          /* people are to be told of the state as it is, and then: */
        AlertMemory told;   /* as it is when they were */
        uint64_t wait_usec; /* until time alone makes it another verdict; UINT64_MAX: it does not */
} AlertVerdict;

AlertVerdict alert_judge(const AlertInput *in);

/* True if nothing is to be remembered. */
bool alert_memory_is_empty(const AlertMemory *m) _pure_;
/* First line "v1", then "alarm of=… bad=… good=… told=…" for each that is on. 0 or -ENOMEM. */
int alert_memory_format(const AlertMemory *m, char **ret, size_t *ret_size);
/* -EPROTONOSUPPORT for another version, -EBADMSG for what alert_memory_format() would not write,
 * but for the order of the fields; or -ENOMEM. */
int alert_memory_parse(const char *text, size_t size, AlertMemory *ret);
