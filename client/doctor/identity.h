/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a host, its disks and its machine are called. */

#include "client/doctor/patient.h"
#include "client/doctor/redact.h"

/* Have @r know all of these, and let it keep the UUIDs of the ESPs on the list. */
void identity_learn(const Patient *p, Redactor *r);
