/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* grubenv: what is set is read back, other variables stay, and a block stays a block. The bytes are
 * tried as they are, and, since few blocks have the right size by chance, between the first line
 * and the padding. */

#include "core/grub/grub-env.h"

#include "tests/fuzz/fuzz.h"

#define HEAD "# GRUB Environment Block\n"

static void check_set(const char *text, const char *value) {
        _cleanup_free_ char *new = NULL, *again = NULL, *got = NULL, *other = NULL, *kept = NULL;
        int r;

        r = grub_env_set(text, GRUB_ENV_SIZE, "next_entry", value, &new);
        if (r == -ENOSPC)
                return;
        FUZZ_ASSERT(r == 0);
        FUZZ_ASSERT(strlen(new) == GRUB_ENV_SIZE);
        FUZZ_ASSERT(grub_env_get(new, GRUB_ENV_SIZE, "next_entry", &got) == 0);
        FUZZ_ASSERT(streq_ptr(got, value));
        FUZZ_ASSERT(grub_env_set(new, GRUB_ENV_SIZE, "next_entry", value, &again) == 0);
        FUZZ_ASSERT(streq(new, again));

        FUZZ_ASSERT(grub_env_get(text, GRUB_ENV_SIZE, "x", &other) == 0);
        FUZZ_ASSERT(grub_env_get(new, GRUB_ENV_SIZE, "x", &kept) == 0);
        FUZZ_ASSERT(streq_ptr(other, kept));
}

static void check(const char *text, size_t size) {
        _cleanup_free_ char *value = NULL;
        int r;

        r = grub_env_get(text, size, "next_entry", &value);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        if (r < 0)
                return;
        check_set(text, NULL);
        check_set(text, "");
        check_set(text, "a\\b>c\nd");
        check_set(text, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[GRUB_ENV_SIZE + 1] = HEAD;
        size_t n = MIN(size, GRUB_ENV_SIZE - strlen(HEAD));

        check((const char *) data, size);

        memset(text + strlen(HEAD), '#', GRUB_ENV_SIZE - strlen(HEAD));
        if (n > 0)
                memcpy(text + strlen(HEAD), data, n);
        check(text, GRUB_ENV_SIZE);
        return 0;
}
