/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kernel versions as strings: nothing is parsed into numbers, so that nothing can overflow and
 * every version keeps its spelling. The order is that of the UAPI.10 version format. Where its text
 * and systemd-boot differ (a number against a letter), systemd-boot is followed: it picks the
 * entry. */

#include "core/kernel/kernel-version.h"

#include "common/string-util.h"

#define DIGITS  "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static bool has_suffix_of_leftover(const char *s, size_t size) {
        static const char *const suffixes[] = {
                ".dpkg-new", ".dpkg-tmp", ".dpkg-old", ".dpkg-dist", ".dpkg-bak",
                ".new",      ".tmp",      ".bak",      ".old",       "~",
        };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                size_t n = strlen(suffixes[i]);

                if (size >= n && memcmp(s + size - n, suffixes[i], n) == 0)
                        return true;
        }
        return false;
}

static size_t count_digits_before(const char *s, size_t end) {
        size_t n = 0;

        while (n < end && s[end - n - 1] >= '0' && s[end - n - 1] <= '9')
                n++;
        return n;
}

/* "+3" or "+2-1". */
static bool ends_in_boot_counter(const char *s, size_t size) {
        size_t n = count_digits_before(s, size);

        if (n == 0)
                return false;
        size -= n;
        if (size > 0 && s[size - 1] == '-') {
                n = count_digits_before(s, --size);
                if (n == 0)
                        return false;
                size -= n;
        }
        return size > 0 && s[size - 1] == '+';
}

static bool is_version(const char *s, size_t size) {
        if (size == 0 || size > KERNEL_VERSION_LENGTH_MAX || s[0] < '0' || s[0] > '9')
                return false;
        for (size_t i = 0; i < size; i++)
                if (s[i] == '\0' || !strchr(DIGITS LETTERS "._+~-", s[i]))
                        return false;
        return !has_suffix_of_leftover(s, size) && !ends_in_boot_counter(s, size);
}

bool kernel_version_is_valid(const char *s) {
        return s && is_version(s, strlen(s));
}

int kernel_version_parse(const char *text, size_t size, char **ret) {
        char *version;

        if (!is_version(text, size))
                return -EINVAL;
        version = strndup(text, size);
        if (!version)
                return -ENOMEM;

        *ret = version;
        return 0;
}

/* A string that goes on with @mark sorts before one that does not; if both do, it is passed over.
 */
static int compare_mark(const char **a, const char **b, char mark) {
        bool in_a = **a == mark, in_b = **b == mark;

        if (in_a != in_b)
                return in_a ? -1 : 1;
        *a += in_a;
        *b += in_b;
        return 0;
}

/* Numbers without their leading zeros: the longer is the greater. No number sorts first. */
static int compare_numbers(const char **a, const char **b) {
        size_t n = strspn(*a, DIGITS), m = strspn(*b, DIGITS), zeros;
        int r;

        if (n == 0 || m == 0)
                return n > 0 ? 1 : -1;

        zeros = strspn(*a, "0");
        *a += zeros;
        n -= zeros;
        zeros = strspn(*b, "0");
        *b += zeros;
        m -= zeros;
        if (n != m)
                return n > m ? 1 : -1;

        r = strncmp(*a, *b, n);
        *a += n;
        *b += m;
        return r;
}

static int compare_letters(const char **a, const char **b) {
        size_t n = strspn(*a, LETTERS), m = strspn(*b, LETTERS);
        int r;

        r = strncmp(*a, *b, MIN(n, m));
        if (r == 0 && n != m)
                r = n > m ? 1 : -1;
        *a += n;
        *b += m;
        return r;
}

static int compare_by_format(const char *a, const char *b) {
        for (;;) {
                int r;

                a += strcspn(a, DIGITS LETTERS "~-^.");
                b += strcspn(b, DIGITS LETTERS "~-^.");

                /* Before the end is looked at, because 6.8~rc1 sorts before 6.8. */
                r = compare_mark(&a, &b, '~');
                if (r != 0)
                        return r;
                if (*a == '\0' || *b == '\0')
                        return (*a != '\0') - (*b != '\0');

                for (const char *mark = "-^."; *mark; mark++) {
                        r = compare_mark(&a, &b, *mark);
                        if (r != 0)
                                return r;
                }

                if (strspn(a, DIGITS) > 0 || strspn(b, DIGITS) > 0)
                        r = compare_numbers(&a, &b);
                else
                        r = compare_letters(&a, &b);
                if (r != 0)
                        return r;
        }
}

int kernel_version_compare(const char *a, const char *b) {
        int r = compare_by_format(a, b);

        return r != 0 ? r : strcmp(a, b);
}

int kernel_version_compare_newest_first(const char *a, const char *b) {
        return kernel_version_compare(b, a);
}

int kernel_version_series(const char *version, char **ret) {
        size_t major = strspn(version, DIGITS), minor;
        char *series;

        if (major == 0 || version[major] != '.')
                return -EINVAL;
        minor = strspn(version + major + 1, DIGITS);
        if (minor == 0)
                return -EINVAL;
        series = strndup(version, major + 1 + minor);
        if (!series)
                return -ENOMEM;

        *ret = series;
        return 0;
}
