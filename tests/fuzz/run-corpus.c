/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fuzz targets without a fuzzer, all in one program: every file of the directories given is run
 * once, so that a fault that was found once is tested in every build, with every compiler. It
 * mutates nothing and finds nothing new. FUZZ_TARGETS lists them, as in TARGET(boot_entry). */

#include <dirent.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

typedef int (*target_t)(const uint8_t *data, size_t size);

#define TARGET(name) int fuzz_##name(const uint8_t *data, size_t size);
FUZZ_TARGETS
#undef TARGET

/* Underscores stand for the dashes in a target's name. */
static const struct {
        const char *name;
        target_t run;
} targets[] = {
#define TARGET(name) { #name, fuzz_##name },
        FUZZ_TARGETS
#undef TARGET
};

static target_t find_target(const char *name) {
        _cleanup_free_ char *symbol = strdup(name);

        FUZZ_ASSERT(symbol);
        for (char *p = symbol; *p; p++)
                if (*p == '-')
                        *p = '_';
        for (size_t i = 0; i < ELEMENTSOF(targets); i++)
                if (streq(targets[i].name, symbol))
                        return targets[i].run;
        return NULL;
}

static void run_file(target_t run, const char *path) {
        _cleanup_free_ uint8_t *data = NULL;
        struct stat st;
        FILE *f;

        f = fopen(path, "re");
        FUZZ_ASSERT(f && fstat(fileno(f), &st) >= 0);
        /* Exactly as large as the file, so that a sanitizer sees a byte too many. */
        data = malloc(MAX(st.st_size, 1));
        FUZZ_ASSERT(data);
        FUZZ_ASSERT(fread(data, 1, (size_t) st.st_size, f) == (size_t) st.st_size);
        (void) fclose(f);

        printf("# %s\n", path);
        (void) fflush(stdout);
        (void) run(data, (size_t) st.st_size);
}

static unsigned run_directory(target_t run, const char *path) {
        DIR *dir = opendir(path);
        struct dirent *entry;
        unsigned n = 0;

        FUZZ_ASSERT(dir);
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *file = strprintf("%s/%s", path, entry->d_name);

                FUZZ_ASSERT(file);
                if (entry->d_name[0] == '.')
                        continue;
                run_file(run, file);
                n++;
        }
        (void) closedir(dir);
        return n;
}

int main(int argc, char **argv) {
        target_t run = argc > 1 ? find_target(argv[1]) : NULL;
        unsigned n = 0;

        if (run)
                (void) run((const uint8_t *) "", 0);
        for (int i = 2; run && i < argc; i++)
                n += run_directory(run, argv[i]);
        if (n == 0) {
                fprintf(stderr, "Usage: %s TARGET CORPUS_DIRECTORY...; it must hold a file.\n",
                        argv[0]);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
