/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Space on an ESP, counted in clusters as FAT allocates it. */

#include "common/macros.h"

/* Kept free beyond what a plan needs: directories grow, and a FAT that is full to the last cluster
 * cannot even replace loader.conf. Bytes. */
#define SPACE_RESERVE_BYTES (256 * 1024)

/* Bytes that a file of @size occupies; an empty file occupies nothing. @cluster_bytes is at least
 * 1; the result is UINT64_MAX where 64 bits do not suffice. */
uint64_t space_allocated(uint64_t size, uint64_t cluster_bytes) _const_;
